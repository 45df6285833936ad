"""The record of a run's data and cost, `record.json`, for evaluating the student later."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pairgen.methods.base import EVALUATIONS_IF_TRAINED
from pairgen.redaction import url_without_secrets
from pairgen.sampling.evaluations import num_evaluations
from pairgen.shards.format.manifest import read_receipts
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.runs.json_file import read_json, write_json
from pairgen.types import Plan
from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.typed import check_plain, fault_in

RECORD_FILE = "record.json"


@dataclass(frozen=True, kw_only=True)
class SetRecord:
    """A dataset: its identity and its cost.

    Attributes:
        url: URL as given to the training, without secrets.
        fingerprint: Fingerprint of its plan.
        source_sha256: SHA-256 of its prompts or images.
        seed: Seed of its noises.
        noise_generator: Generator of its noises; empty if it has none.
        num_samples: Number of samples.
        evaluations: Evaluations of the teacher's network, for all samples.
        seconds: Total seconds of all workers, from the receipts.
        devices: Devices that made the samples.
        kind: Kind of the dataset; empty in a record that does not tell it.
    """

    url: str
    fingerprint: str
    source_sha256: str
    seed: int
    noise_generator: str
    num_samples: int
    evaluations: int
    seconds: float
    devices: tuple[str, ...]
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainRecord:
    """A finished training.

    Attributes:
        method: Training method.
        steps: Number of training steps.
        batch_size: Samples per step, over all processes.
        num_processes: Number of processes.
        seconds: Wall-clock seconds of training.
        device: Device of each process.
        sets: Datasets of the training.
        evaluations_per_sample: Evaluations of networks of the teacher's size, per sample and
            training step.
        files: Files read in addition to the data: purpose to SHA-256.
        name: Name of its folder; empty in a record that does not tell it.
        before: The runs whose networks it learned from or started from, and those before them, each
            once and without its own `before`.
        num_trained: Number of the student's weights that were trained, those of adapters among
            them; 0 in a record that does not tell it.
        num_weights: Number of weights of the student's network, frozen or not, with its branch,
            and of the halves of its VAE that were trained, without adapters; 0 in a record that
            does not tell it.
        code: The user's own modules that it was trained with, see `pairgen.own_code.record`; empty
            for pairgen's own parts.
    """

    method: str
    steps: int
    batch_size: int
    num_processes: int
    seconds: float
    device: str
    sets: tuple[SetRecord, ...]
    # Default for records without it: one network.
    evaluations_per_sample: float = EVALUATIONS_IF_TRAINED
    files: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    before: tuple["TrainRecord", ...] = ()
    num_trained: int = 0
    num_weights: int = 0
    code: Mapping[str, Any] = field(default_factory=dict)

    @property
    def all_sets(self) -> list[SetRecord]:
        """The datasets of the training, and those that only the runs before it read."""
        found = list(self.sets)
        for each in self.before:
            known = {its.fingerprint for its in found}
            found += [its for its in each.sets if its.fingerprint not in known]
        return found


def evaluations_per_sample(plan: Plan) -> int:
    """Return the teacher's network evaluations per sample; 0 for a dataset without a sampler.

    Guidance counts double, as `pairgen ode` computes it: for every sample of a dataset with any
    guidance scale other than 1.
    """
    if "solver" not in plan.recipe:
        return 0
    recipe = plan.recipe
    num_steps = len(plan.resolved["times"]) - (recipe["end"] == "t0")
    guided = any(scale != 1 for scale in recipe["guidance_scales"])
    return num_evaluations(recipe["solver"], num_steps, recipe["end"]) * (1 + guided)


def record_set(url: str) -> SetRecord:
    """Return the record of a dataset."""
    store = open_store(url)
    plan, receipts = read_plan(store), read_receipts(store)
    num_samples = sum(receipt.count for receipt in receipts)
    return SetRecord(
        url=url_without_secrets(url),
        fingerprint=plan.fingerprint(),
        source_sha256=str(plan.source["sha256"]),
        seed=plan.seed,
        noise_generator=str(plan.recipe.get("noise_generator", "")),
        num_samples=num_samples,
        evaluations=num_samples * evaluations_per_sample(plan),
        seconds=round(sum(float(receipt.made["seconds"]) for receipt in receipts), 3),
        devices=tuple(sorted({str(receipt.made["device"]) for receipt in receipts})),
        kind=plan.kind,
    )


def write_record(folder: Path, record: TrainRecord) -> None:
    """Write the record of a run."""
    write_json(folder / RECORD_FILE, _plain(asdict(record)))


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without code if it has none, as all had before."""
    before = tuple(map(_plain, record["before"]))
    kept = {name: each for name, each in record.items() if each or name != "code"}
    return {**kept, "before": before}


def read_record(folder: Path) -> TrainRecord | None:
    """Return the record of a run; None if there is none.

    Raises:
        ConfigError: The record cannot be read.
    """
    return read_json(folder / RECORD_FILE, _made, "the record of a training")


def _made(data: dict[str, Any]) -> TrainRecord:
    try:
        check_plain(data)
        return _adapter().validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise MalformedError(fault_in(error)) from None


@cache
def _adapter() -> TypeAdapter[TrainRecord]:
    return TypeAdapter(TrainRecord)


def records_before(folders: Sequence[str], say: Callable[[str], None]) -> tuple[TrainRecord, ...]:
    """Return the records of runs and of those before them, in the order of their trainings.

    Args:
        folders: The runs that a training reads.
        say: Called with what is not known.

    Raises:
        ConfigError: A record cannot be read.
    """
    found: list[TrainRecord] = []
    for folder in dict.fromkeys(folders):
        record = read_record(Path(folder))
        if record is None:
            say(f"{folder} has no {RECORD_FILE}: its cost will not be counted.")
            continue
        name = record.name or Path(folder).absolute().name
        for each in (*record.before, replace(record, name=name, before=())):
            if each not in found:
                found.append(each)
    return tuple(found)
