"""Decode latents to images with the teacher's own decoder."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pairgen import plugins
from pairgen.errors import OutOfDeviceMemoryError, PairgenError
from pairgen.teachers.base import Decoder

# How a decoded value x becomes one of 256 levels; 127.5 and the like go to the even level.
ROUNDING = "round((clamp(x, -1, 1) + 1) * 127.5), half to even"


class NotFinitePictureError(PairgenError):
    """The decoder returned NaN or infinity for a latent."""


def load_decoder(teacher: Mapping[str, Any], device: torch.device) -> Decoder:
    """Load only the decoder of a plan's teacher.

    Raises:
        TeacherLoadError: The decoder cannot be loaded.
    """
    options = {"location": teacher["location"], **teacher["options"]}
    decoder: Decoder = plugins.call(
        "teachers", teacher["module"], "build_decoder", device=device, **options
    )
    return decoder


def decode_pictures(decoder: Decoder, latents: Iterable[np.ndarray]) -> np.ndarray:
    """Decode latents [C, h, w] one by one; return the images [N, H, W, 3] uint8.

    Raises:
        NotFinitePictureError: An image is not finite.
        OutOfDeviceMemoryError: Decoding an image does not fit into memory.
    """
    return np.stack([decode_picture(decoder, latent) for latent in latents])


def decode_picture(decoder: Decoder, latent: np.ndarray) -> np.ndarray:
    """Decode a latent [C, h, w]; return the image [H, W, 3] uint8.

    Latents are decoded one by one because a decoder in float32 takes gigabytes per image, and so
    that the bits of an image depend neither on its neighbors nor on the batch size.

    Raises:
        NotFinitePictureError: The image is not finite.
        OutOfDeviceMemoryError: Decoding the image does not fit into memory.
    """
    try:
        image = decoder.decode(torch.from_numpy(latent)[None].float().to(decoder.device))[0]
    except torch.OutOfMemoryError:
        raise OutOfDeviceMemoryError(
            f"Decoding one image does not fit into the memory of {decoder.device}: free memory, or "
            "use a smaller --batch-size."
        ) from None
    return picture_of(image)


def picture_of(image: Tensor) -> np.ndarray:
    """Return an image [3, H, W] around [-1, 1] as levels, [H, W, 3] uint8.

    Raises:
        NotFinitePictureError: The image is not finite.
    """
    if not bool(torch.isfinite(image).all()):
        raise NotFinitePictureError("The decoder made a picture that is not finite.")
    levels = (image.float().clamp(-1, 1) + 1) * 127.5
    return levels.round().byte().permute(1, 2, 0).cpu().numpy()
