"""Make all images of the conditions: guidance scales vary fastest, then conditions, then noises."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from pairgen.errors import PairgenError
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say
from pairgen.jobs.sample.from_images.conditions import Condition, Conditions
from pairgen.jobs.sample.from_images.facts import picture_facts
from pairgen.jobs.sample.from_images.options import AskedImages
from pairgen.kinds.decode import NotFinitePictureError
from pairgen.kinds.image_model import load_image_model
from pairgen.kinds.image_pictures import student_pictures
from pairgen.kinds.image_student import ImageModel
from pairgen.kinds.machine import batch_does_not_fit
from pairgen.kinds.ode.pairs import TORCH_DTYPES
from pairgen.kinds.ode.pictures import Pictures
from pairgen.teachers.base import Teacher


def make_from_conditions(
    asked: AskedImages, conditions: Conditions, device: torch.device, say: Say
) -> Pictures:
    """Make all images.

    Args:
        asked: What is asked.
        conditions: The conditions.
        device: Device to compute on.
        say: Called with how many prompts were cut.

    Raises:
        TeacherLoadError: The weights cannot be loaded.
        PairgenError: An image is not finite, or a batch does not fit into memory.
    """
    config, given = asked.config, conditions.given
    student, teacher = load_image_model(
        asked.model, TORCH_DTYPES[config.dtype], device, config.negative_prompt
    )
    texts = list(dict.fromkeys(each.prompt for each in given))
    counts = teacher.count_tokens(texts)
    truncated = {t for t, n in zip(texts, counts, strict=True) if n > teacher.max_prompt_tokens}
    if truncated:
        say(f"{len(truncated):,} of {len(texts):,} prompts cut to the model's token limit.")
    (length,) = teacher.count_tokens([config.negative_prompt])
    if length > teacher.max_prompt_tokens:
        limit = teacher.max_prompt_tokens
        say(f"The negative prompt is cut: it has {length} tokens, the model reads {limit}.")
    pairs = [each for _ in range(config.num_per_prompt) for each in given]
    height, width = (student.recipe.scale * side for side in conditions.size_px)
    pictures = np.empty((len(pairs) * len(config.cfg), height, width, 3), np.uint8)
    _fill(pictures, asked, student, teacher, pairs)
    return Pictures(pictures, picture_facts(given, config.num_per_prompt, config.cfg, truncated))


def _fill(
    pictures: np.ndarray,
    asked: AskedImages,
    student: ImageModel,
    teacher: Teacher,
    pairs: Sequence[Condition],
) -> None:
    """Make an image for each condition and noise at each guidance scale, and show progress."""
    config, num_made = asked.config, 0
    progress = Progress(len(pictures), 0, unit="images")
    try:
        for number, scale in enumerate(config.cfg):
            at_scale = pictures[number :: len(config.cfg)]
            batches = student_pictures(
                replace(student, sampling=asked.at(scale)),
                teacher,
                [each.picture for each in pairs],
                [each.prompt for each in pairs],
                config.seed,
                range(len(pairs)),
                config.batch_size,
            )
            first = 0
            for batch in batches:
                at_scale[first : first + len(batch)] = batch
                first += len(batch)
                num_made += len(batch)
                progress.reached(num_made)
    except torch.OutOfMemoryError:
        raise batch_does_not_fit(config.batch_size, teacher.device) from None
    except NotFinitePictureError:
        raise PairgenError(
            f"An image that is not finite is among the {config.batch_size:,} behind the first "
            f"{num_made:,}; nothing was written."
        ) from None
    finally:
        progress.close()
