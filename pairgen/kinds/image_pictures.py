"""Pictures of an image student, from the pictures that it is given."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from pairgen.kinds.decode import picture_of
from pairgen.kinds.encoded import Encoded, encode_distinct
from pairgen.kinds.image_student import ImageModel, as_input, draw_noises, make_images
from pairgen.sampling.condition import RGB
from pairgen.sampling.enlarge import enlarge
from pairgen.teachers.base import Teacher


def student_pictures(
    model: ImageModel,
    teacher: Teacher,
    given: Sequence[np.ndarray] | np.ndarray,
    prompts: Sequence[str],
    seed: int,
    indices: Sequence[int],
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Encode the prompts; yield the pictures that a student makes, [B, H, W, 3] uint8 each batch.

    Args:
        model: The student.
        teacher: Encodes the prompts.
        given: The given pictures, N of [h, w, C], see `as_input`.
        prompts: Prompts, N.
        seed: Seed of the noises.
        indices: Number of each picture, N, for its noises.
        batch_size: Batch size of the network.

    Raises:
        ConfigError: The enlarged pictures cannot be encoded.
        NotFinitePictureError: A picture is not finite.
    """
    encoded = encode_distinct(teacher, list(dict.fromkeys(prompts)), batch_size, False)
    device = teacher.device
    return encoded_pictures(model, encoded, device, given, prompts, seed, indices, batch_size)


def encoded_pictures(
    model: ImageModel,
    encoded: Encoded,
    device: torch.device,
    given: Sequence[np.ndarray] | np.ndarray,
    prompts: Sequence[str],
    seed: int,
    indices: Sequence[int],
    batch_size: int,
) -> Iterator[np.ndarray]:
    """Yield what `student_pictures` does, of prompts that are `encoded` on a device."""
    height, width = given[0].shape[:2]
    for first in range(0, len(given), batch_size):
        rows = slice(first, first + batch_size)
        noises = draw_noises(model, seed, indices[rows], (height, width), device)
        conditioning = encoded.conditioning[[encoded.rows[prompt] for prompt in prompts[rows]]]
        # Gray ones and others may be beside each other.
        images = torch.cat([as_input(each[None], device) for each in given[rows]])
        images = make_images(model, images, conditioning, noises)
        yield np.stack([picture_of(image) for image in images])


def enlarged_pictures(given: np.ndarray, scale: int) -> np.ndarray:
    """Return given pictures [N, h, w, C] as a student sees them, [N, s h, s w, 3] uint8.

    Of a picture with a mask, the known part.
    """
    cpu = torch.device("cpu")
    images = (enlarge(as_input(each[None], cpu)[:, :RGB], scale)[0] for each in given)
    return np.stack([picture_of(image) for image in images])
