"""Let a student make images from given images, and time it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from pairgen.errors import PairgenError
from pairgen.kinds.decode import NotFinitePictureError
from pairgen.kinds.image_pairs import ImagePairs
from pairgen.kinds.image_pictures import student_pictures
from pairgen.kinds.image_student import ImageModel
from pairgen.kinds.machine import batch_does_not_fit, device_clock
from pairgen.teachers.base import Teacher


@dataclass(frozen=True, kw_only=True)
class Made:
    """Images that a student made.

    Attributes:
        pictures: [N, H, W, 3] uint8.
        evaluations: Network evaluations per image.
        seconds: Seconds per image from the given one to the made one, without prompts.
    """

    pictures: np.ndarray
    evaluations: int
    seconds: float


def make_pictures(
    model: ImageModel,
    teacher: Teacher,
    pairs: ImagePairs,
    batch_size: int,
    advance: Callable[[int], None],
) -> Made:
    """Make an image from every given image; its noise belongs to its sample.

    Args:
        model: The student.
        teacher: Encodes the prompts.
        pairs: The given images.
        batch_size: Batch size of the network. If there are several batches, the first is not timed.
        advance: Called after every batch with the number of images so far.

    Raises:
        OutOfDeviceMemoryError: A batch does not fit in device memory.
        PairgenError: An image is not finite.
    """
    made: list[np.ndarray] = []
    laps: list[tuple[float, int]] = []
    indices = [int(key) for key in pairs.keys]
    try:
        batches = student_pictures(
            model, teacher, pairs.given, pairs.prompts, pairs.plan.seed, indices, batch_size
        )
        began = device_clock(teacher.device)
        for pictures in batches:
            laps.append((device_clock(teacher.device) - began, len(pictures)))
            made.append(pictures)
            advance(sum(num for _, num in laps))
            began = device_clock(teacher.device)
    except torch.OutOfMemoryError:
        raise batch_does_not_fit(batch_size, teacher.device) from None
    except NotFinitePictureError:
        place = sum(num for _, num in laps)
        raise PairgenError(
            f"The student produced NaN or infinity for one of the {batch_size:,} samples from "
            f"{pairs.keys[place]} on; nothing was written."
        ) from None
    # The first batch also pays for one-time loading and kernel selection.
    timed = laps[1:] or laps
    return Made(
        pictures=np.concatenate(made),
        evaluations=model.evaluations,
        seconds=sum(seconds for seconds, _ in timed) / sum(num for _, num in timed),
    )
