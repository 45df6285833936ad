"""Latents to pictures, by the teacher's own decoder."""

from collections.abc import Iterable

import numpy as np
import torch

from pairgen.errors import OutOfDeviceMemoryError, PairgenError
from pairgen.teachers.base import Teacher


def decode_pictures(teacher: Teacher, latents: Iterable[np.ndarray]) -> np.ndarray:
    """Return the pictures [N, H, W, 3] uint8 of latents [C, h, w], one after the other.

    One at a time: a decoder in float32 takes gigabytes a picture, and so the bits of a picture
    depend on no neighbour and on no batch size.

    Raises:
        PairgenError: A picture is not finite.
        OutOfDeviceMemoryError: A picture does not fit.
    """
    return np.stack([_decode(teacher, latent) for latent in latents])


def _decode(teacher: Teacher, latent: np.ndarray) -> np.ndarray:
    """Return one picture [H, W, 3] uint8."""
    try:
        image = teacher.decode(torch.from_numpy(latent)[None].float().to(teacher.device))[0]
    except torch.OutOfMemoryError:
        raise OutOfDeviceMemoryError(
            f"Decoding one picture does not fit into the memory of {teacher.device}: free it, or "
            "take a smaller --batch-size."
        ) from None
    if not bool(torch.isfinite(image).all()):
        raise PairgenError("The decoder made a picture that is not finite.")
    levels = (image.float().clamp(-1, 1) + 1) * 127.5
    return levels.round().byte().permute(1, 2, 0).cpu().numpy()
