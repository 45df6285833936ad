"""Latents to pictures, by the teacher's own decoder."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from pairgen import plugins
from pairgen.errors import OutOfDeviceMemoryError, PairgenError
from pairgen.teachers.base import Decoder

# How a decoded value x becomes one of 256 levels; 127.5 and the like go to the even level.
ROUNDING = "round((clamp(x, -1, 1) + 1) * 127.5), half to even"


class NotFinitePictureError(PairgenError):
    """The decoder made NaN or infinity of a latent."""


def load_decoder(teacher: Mapping[str, Any], device: torch.device) -> Decoder:
    """Load the decoder of a plan's teacher, and nothing else of it.

    Raises:
        TeacherLoadError: It cannot be loaded.
    """
    options = {"location": teacher["location"], **teacher["options"]}
    decoder: Decoder = plugins.call(
        "teachers", teacher["module"], "build_decoder", device=device, **options
    )
    return decoder


def decode_pictures(decoder: Decoder, latents: Iterable[np.ndarray]) -> np.ndarray:
    """Return the pictures [N, H, W, 3] uint8 of latents [C, h, w], one after the other.

    Raises:
        NotFinitePictureError: A picture is not finite.
        OutOfDeviceMemoryError: A picture does not fit.
    """
    return np.stack([decode_picture(decoder, latent) for latent in latents])


def decode_picture(decoder: Decoder, latent: np.ndarray) -> np.ndarray:
    """Return the picture [H, W, 3] uint8 of a latent [C, h, w].

    Alone: a decoder in float32 takes gigabytes a picture, and so the bits of a picture depend on no
    neighbour and on no batch size.

    Raises:
        NotFinitePictureError: The picture is not finite.
        OutOfDeviceMemoryError: It does not fit.
    """
    try:
        image = decoder.decode(torch.from_numpy(latent)[None].float().to(decoder.device))[0]
    except torch.OutOfMemoryError:
        raise OutOfDeviceMemoryError(
            f"Decoding one picture does not fit into the memory of {decoder.device}: free it, or "
            "take a smaller --batch-size."
        ) from None
    if not bool(torch.isfinite(image).all()):
        raise NotFinitePictureError("The decoder made a picture that is not finite.")
    levels = (image.float().clamp(-1, 1) + 1) * 127.5
    return levels.round().byte().permute(1, 2, 0).cpu().numpy()
