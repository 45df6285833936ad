"""`--shard-bytes`: choose how many samples a shard holds from the bytes that it should have."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pairgen.errors import ConfigError
from pairgen.execution.forecast.cost import spread_tasks
from pairgen.execution.forecast.trial import make_runs
from pairgen.execution.say import Say
from pairgen.execution.worker import Job, Worker
from pairgen.option_names import option_text
from pairgen.shards.format import layout
from pairgen.shards.format.codec import encode_field
from pairgen.shards.format.writer import BLOCK, member_size
from pairgen.shards.storage.local_store import LocalStore
from pairgen.trust import current_trust
from pairgen.types import Plan
from pairgen.wording import counted

# Samples to make where their size is not known.
NUM_MEASURED = 16
# Members that fit into one block: a prompt, and the facts of a sample from it.
OF_ONE_BLOCK = ("txt", "json", "cls")


def check_one_size(given: Mapping[str, Any]) -> None:
    """Refuse a size of shards that is given twice.

    Raises:
        ConfigError: Both options are given.
    """
    if given.get("shard_bytes") and given.get("samples_per_shard"):
        raise ConfigError(
            f"{option_text('samples_per_shard')} and {option_text('shard_bytes')} both set the "
            "size of shards: give one of them, got "
            f"{given['samples_per_shard']} and {given['shard_bytes']}."
        )


def fit_shards(plan: Plan, shard_bytes: int, images: Path | None, say: Say) -> Plan:
    """Return the plan with shards of about a number of bytes.

    Args:
        plan: The plan of a new dataset.
        shard_bytes: Bytes of a shard; 0 to leave the plan as it is.
        images: The list of images that samples are made from; None if there is none.
        say: Called with what was chosen.

    Raises:
        ConfigError: No sample can be made to be measured.
    """
    if not shard_bytes:
        return plan
    each = known_bytes(plan) or _measured_bytes(plan, images)
    number = samples_for(plan, shard_bytes / each)
    say(f"{counted(number, 'sample')} per shard, each of about {each / 1000:,.1f} kB.")
    return with_samples_per_shard(plan, number)


def with_samples_per_shard(plan: Plan, number: int) -> Plan:
    """Return the plan with another number of samples per shard, which its folder remembers."""
    options = {**plan.resolved["options"], "samples_per_shard": number}
    return replace(plan, samples_per_shard=number, resolved={**plan.resolved, "options": options})


def samples_for(plan: Plan, number: float) -> int:
    """Return about this number of samples per shard: whole batches, or at least whole groups.

    Groups are the samples of one prompt with each of the guidance scales.
    """
    group = len(plan.recipe.get("guidance_scales", (1,)))
    batch = int(plan.execution.get("batch_size", 1))
    # Batches do not cross shards.
    step = batch if batch % group == 0 and number >= batch else group
    return max(int(number) // step, 1) * step


def known_bytes(plan: Plan) -> int:
    """Return the bytes of a sample in a tar; 0 if that depends on what it shows.

    Arrays are stored as they are, images are compressed.
    """
    total = 0
    for name, member in plan.members.items():
        if name in OF_ONE_BLOCK:
            total += member_size(BLOCK)
        elif name.endswith(".npy") and {"dtype", "shape"} <= member.keys():
            total += member_size(len(encode_field(np.zeros(member["shape"], member["dtype"]))))
        else:
            return 0
    return total


def _measured_bytes(plan: Plan, images: Path | None) -> float:
    """Return the mean bytes of some samples, made in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="pairgen-") as folder:
        trial = LocalStore(Path(folder))
        if images is not None:
            _put(images, Path(folder) / layout.IMAGES)
        job = Job(plan=plan.to_dict(), store_url=trial.address, trust=current_trust())
        tasks = spread_tasks(list(plan.tasks()), NUM_MEASURED, 1)
        runs = make_runs(plan, Worker(job).maker, tasks)
    if not runs.num_samples:
        raise ConfigError(
            f"None of {runs.num_slots} samples could be made to measure their size: give "
            f"{option_text('samples_per_shard')} instead of {option_text('shard_bytes')}."
        )
    # Of all slots: those that fail or are skipped take nothing.
    return sum(runs.member_bytes.values()) / runs.num_slots


def _put(file: Path, target: Path) -> None:
    """Give a file a second name; copy it where the folder lies on another disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)
