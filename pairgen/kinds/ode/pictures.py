"""Pictures from a teacher: the samples of a dataset, decoded instead of written.

The plan is that of `pairgen ode`, so picture i is the decoded latent of the dataset's sample i.
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
from pairgen.shards.format.slots import slot_at
from pairgen.types import Facts, FailedSlot, Plan, Sample


@dataclass(frozen=True)
class Pictures:
    """Pictures in order of their slots.

    Attributes:
        pictures: [N, H, W, 3] uint8.
        facts: Of each picture: those its sample has in a dataset, and the prompt.
    """

    pictures: np.ndarray
    facts: Sequence[Facts]


def make_pictures(plan: Plan, prompts: Sequence[str], device: torch.device) -> Iterator[Pictures]:
    """Return the pictures of a plan in order of their slots, a batch at a time.

    Args:
        plan: From `make_ode_plan`.
        prompts: Of the plan, in the order of their file.
        device: Where to compute.

    Raises:
        TeacherLoadError: The weights cannot be loaded.
        PairgenError: A picture is not finite, or a batch does not fit.
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
    """Return a sample; a failed one is an error, because a picture was asked for."""
    if isinstance(result, FailedSlot):
        prompt = prompts[slot_at(plan, result.index).prompt_index]
        raise PairgenError(
            f"Picture {result.index} ({prompt!r}) cannot be shown: {result.reason}; nothing was "
            "written."
        )
    return result
