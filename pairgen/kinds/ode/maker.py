"""The state of a worker of `pairgen ode`: the teacher, its grid, the prompts."""

import socket
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Any

import torch

from pairgen import plugins
from pairgen.errors import OutOfDeviceMemoryError, TeacherLoadError
from pairgen.kinds.encoded import encode_distinct
from pairgen.kinds.machine import device_name
from pairgen.kinds.ode.pairs import TORCH_DTYPES, make_samples
from pairgen.receipts import FailedSlot
from pairgen.sampling.grid import Grid, make_grid
from pairgen.sampling.parameterization import Schedule
from pairgen.shards.format import layout
from pairgen.shards.format.input_lists import planned_prompts, read_list
from pairgen.shards.format.slots import slot_at
from pairgen.shards.storage.store import Store
from pairgen.sources.prompts import prompt_rows
from pairgen.teachers.base import Teacher
from pairgen.types import Plan, Sample, ShardTask

# Modules whose versions can change bits.
MODULES = ("torch", "numpy", "diffusers", "transformers")


class OdeMaker:
    """One teacher on one device.

    Raises:
        TeacherLoadError: The weights cannot be loaded, or do not match the plan.
        OutOfDeviceMemoryError: The weights do not fit into memory.
        CorruptShardError: The list of prompts is missing or damaged.
    """

    modules = MODULES
    index_columns: Mapping[str, Any] = {}

    def __init__(self, plan: Plan, store: Store) -> None:
        self.plan = plan
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.device = device_name(device)
        self.teacher = build_teacher(plan, device)
        if plan.execution["compile"]:
            self.teacher.compile()
        self.grid = grid_of(plan, self.teacher.schedule)
        self.prompts = read_list(store, layout.PROMPTS, partial(planned_prompts, plan))

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        """Yield the samples of a shard in order, one batch at a time."""
        return make_samples(self.teacher, self.plan, task, self._prompts_of(task), self.grid)

    def prepare(self, task: ShardTask) -> None:
        """Encode the prompts of a task as `make` does, and discard the result."""
        texts = list(dict.fromkeys(self._prompts_of(task).values()))
        recipe, batch_size = self.plan.recipe, self.plan.execution["batch_size"]
        encode_distinct(self.teacher, texts, batch_size, recipe["store_embeddings"])
        if self.teacher.device.type == "cuda":
            torch.cuda.synchronize(self.teacher.device)

    def make_again(
        self, indices: Collection[int], task: ShardTask
    ) -> Iterator[Sample | FailedSlot]:
        """Yield some slots of a shard as `make` does, each in its original batch."""
        prompts = self._prompts_of(task)
        for batch in make_samples(self.teacher, self.plan, task, prompts, self.grid, indices):
            yield from (result for result in batch if result.index in indices)

    def _prompts_of(self, task: ShardTask) -> dict[int, str]:
        """Read only the prompts of a task."""
        first, last = (slot_at(self.plan, index) for index in (task.start, task.stop - 1))
        return prompt_rows(self.prompts, first.pair_index, last.pair_index + 1)


build = OdeMaker


def grid_of(plan: Plan, schedule: Schedule) -> Grid:
    """Return the grid that the plan's recipe asks for."""
    recipe = plan.recipe
    return make_grid(
        schedule,
        recipe["spacing"],
        recipe["steps"],
        recipe["end"],
        recipe["trajectory"],
        # Sets of before that was read had 1, whatever the scheduler's config says.
        recipe.get("steps_offset", 1),
    )


def check(plan: Plan) -> None:
    """Check that the weights are the planned ones, without loading them.

    Raises:
        TeacherLoadError: The weights cannot be found, or do not match the plan.
    """
    teacher = plan.teacher
    options = {"location": teacher["location"], **teacher["options"]}
    found = plugins.call("teachers", teacher["module"], "describe", **options).identity
    different = sorted(
        key
        for key in {*found, *teacher["identity"]}
        if found.get(key) != teacher["identity"].get(key)
    )
    if different:
        raise TeacherLoadError(
            f"The weights at {teacher['location']} on {socket.gethostname()} do not match the "
            f"plan: {', '.join(different)} differ."
        )


def build_teacher(plan: Plan, device: torch.device) -> Teacher:
    """Load the planned teacher; refuse other weights under the same name.

    Raises:
        TeacherLoadError: The weights cannot be loaded, or do not match the plan.
        OutOfDeviceMemoryError: The weights do not fit into memory.
    """
    check(plan)
    teacher = plan.teacher
    dtype = plan.execution["dtype"]
    try:
        built: Teacher = plugins.build(
            "teachers",
            teacher["module"],
            device=device,
            dtype=TORCH_DTYPES[dtype],
            negative_prompt=plan.recipe["negative_prompt"],
            location=teacher["location"],
            **teacher["options"],
        )
    except torch.OutOfMemoryError:
        raise OutOfDeviceMemoryError(
            f"The teacher {teacher['name']!r} in {dtype} does not fit into the memory of "
            f"{device_name(device)}: free memory, or use a smaller dtype."
        ) from None
    return built
