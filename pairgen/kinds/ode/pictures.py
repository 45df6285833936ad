"""Images from a teacher: the samples of a dataset, decoded instead of written.

The plan is that of `pairgen ode`, so image i is the decoded latent of the dataset's sample i.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pairgen.errors import PairgenError
from pairgen.kinds.decode import decode_pictures
from pairgen.kinds.ode.maker import build_teacher, grid_of
from pairgen.kinds.ode.pairs import make_samples
from pairgen.process_state import each_in_cpu_threads
from pairgen.receipts import FailedSlot
from pairgen.shards.format.slots import slot_at
from pairgen.types import Facts, Plan, Sample


@dataclass(frozen=True)
class Pictures:
    """Images in order of their slots.

    Attributes:
        pictures: The images, [N, H, W, 3] uint8.
        facts: The facts of each image: those of its sample in a dataset, and the prompt.
    """

    pictures: np.ndarray
    facts: Sequence[Facts]


def make_pictures(plan: Plan, prompts: Sequence[str], device: torch.device) -> Iterator[Pictures]:
    """Yield the images of a plan in order of their slots, one batch at a time.

    Args:
        plan: A plan from `make_ode_plan`.
        prompts: The plan's prompts, in file order.
        device: Device to compute on.

    Raises:
        TeacherLoadError: The weights cannot be loaded.
        PairgenError: An image is not finite, or a batch does not fit into memory.
    """
    # As a worker does: thread counts change bits at small batches.
    return each_in_cpu_threads(plan.execution["cpu_threads"], _make_pictures(plan, prompts, device))


def _make_pictures(plan: Plan, prompts: Sequence[str], device: torch.device) -> Iterator[Pictures]:
    teacher = build_teacher(plan, device)
    grid = grid_of(plan, teacher.schedule)
    by_index = dict(enumerate(prompts))
    for task in plan.tasks():
        for results in make_samples(teacher, plan, task, by_index, grid):
            samples = [_finite(result, plan, prompts) for result in results]
            latents = (np.asarray(sample.fields["latent.npy"]) for sample in samples)
            facts = [{"prompt": sample.fields["txt"], **sample.facts} for sample in samples]
            yield Pictures(decode_pictures(teacher, latents), facts)


def _finite(result: Sample | FailedSlot, plan: Plan, prompts: Sequence[str]) -> Sample:
    """Return the sample; raise an error if it failed, because its image was requested."""
    if isinstance(result, FailedSlot):
        prompt = prompts[slot_at(plan, result.index).prompt_index]
        raise PairgenError(
            f"Image {result.index} ({prompt!r}) cannot be shown: {result.reason}; nothing was "
            "written."
        )
    return result
