"""Run a setting on the first slots of a dataset, unrounded, and time it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
import torch

from pairgen.kinds.encoded import encode_distinct
from pairgen.kinds.machine import batch_does_not_fit, device_clock
from pairgen.kinds.ode.maker import build_teacher, grid_of
from pairgen.kinds.ode.pairs import ignore_progress, is_guided, solve_batch
from pairgen.process_state import cpu_threads
from pairgen.sampling.evaluations import num_evaluations
from pairgen.sampling.grid import Grid, make_grid
from pairgen.shards.format.slots import slot_at
from pairgen.teachers.base import Teacher
from pairgen.types import Plan


@dataclass(frozen=True, kw_only=True)
class Made:
    """Results of a setting.

    Attributes:
        latents: [N, C, H, W] float32, for every slot of its plan.
        samples_per_second: Median over full batches, for network and solver alone.
        num_timed: Number of batches that were timed.
    """

    latents: np.ndarray
    samples_per_second: float
    num_timed: int


class Bench:
    """A teacher in one dtype on one device, warmed up, with its prompts encoded.

    Args:
        plan: Plan of any setting in the dtype.
        prompts: Prompt index to prompt, for every slot.
        device: Where to compute.

    Raises:
        TeacherLoadError: The weights cannot be loaded, or do not match the plan.
        OutOfDeviceMemoryError: The weights or a batch do not fit in device memory.
    """

    def __init__(self, plan: Plan, prompts: Mapping[int, str], device: torch.device) -> None:
        self._prompts = prompts
        with cpu_threads(plan.execution["cpu_threads"]):
            self._load(plan, device)

    def _load(self, plan: Plan, device: torch.device) -> None:
        """Load the teacher, encode the prompts, and run a first batch for one step."""
        self.teacher: Teacher = build_teacher(plan, device)
        slots = (slot_at(plan, index) for index in range(plan.num_samples))
        texts = list(dict.fromkeys(self._prompts[slot.prompt_index] for slot in slots))
        batch_size = plan.execution["batch_size"]
        try:
            self._encoded = encode_distinct(self.teacher, texts, batch_size, False)
        except torch.OutOfMemoryError:
            raise batch_does_not_fit(batch_size, device) from None
        # The first batch selects kernels and allocates memory, so it is not timed.
        short = make_grid(self.teacher.schedule, "trailing", 1, plan.recipe["end"])
        first = replace(plan, num_samples=min(plan.num_samples, plan.execution["batch_size"]))
        self._run(first, short, ignore_progress)

    def make(self, plan: Plan, evaluated: Callable[[int], None]) -> Made:
        """Integrate every slot of a plan to its end.

        Args:
            plan: Plan of a setting in the bench's dtype.
            evaluated: Called with the number of samples at every evaluation of the teacher.

        Raises:
            OutOfDeviceMemoryError: A batch does not fit in device memory.
        """
        with cpu_threads(plan.execution["cpu_threads"]):
            return self._run(plan, grid_of(plan, self.teacher.schedule), evaluated)

    def _run(self, plan: Plan, grid: Grid, evaluated: Callable[[int], None]) -> Made:
        batch_size, device = plan.execution["batch_size"], self.teacher.device
        slots = [slot_at(plan, index) for index in range(plan.num_samples)]
        latents, laps = [], []
        try:
            for first in range(0, len(slots), batch_size):
                batch = slots[first : first + batch_size]
                began = device_clock(device)
                _, latent, _ = solve_batch(
                    self.teacher, plan, batch, self._prompts, self._encoded, grid, evaluated
                )
                laps.append(device_clock(device) - began)
                latents.append(latent.cpu().numpy())
        except torch.OutOfMemoryError:
            raise batch_does_not_fit(batch_size, device) from None
        # A short batch is padded to the full shape, so it takes as long as a full one.
        return Made(
            latents=np.concatenate(latents),
            samples_per_second=batch_size / median(laps),
            num_timed=len(laps),
        )


def evaluations_of(plan: Plan) -> int:
    """Return the network evaluations per sample of a plan; guidance counts double."""
    recipe = plan.recipe
    steps = plan.resolved["num_transitions"]
    return num_evaluations(recipe["solver"], steps, recipe["end"]) * (1 + is_guided(plan))
