"""`pairgen replay`: make samples again from their plan and their source, and compare them."""

import dataclasses
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pairgen.errors import ConfigError, CorruptShardError
from pairgen.execution.own_code import check_found, parts_of
from pairgen.execution.user_trust import trusted_by_user
from pairgen.jobs.replay.compare import Comparison, compare
from pairgen.jobs.replay.outcome import Replay
from pairgen.kinds.machine import versions
from pairgen.kinds.maker import MAKERS, Maker, open_maker
from pairgen.own_code.modules import modules_of
from pairgen.own_code.record import changes, modules_in, others_in, refuse, seen
from pairgen.process_state import cpu_threads, each_in_cpu_threads, each_within
from pairgen.receipts import FailedSlot, Receipt
from pairgen.shards.check.planned import UnreadableInputsError, inputs_paths, open_inputs
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import readable_receipt
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.planned_images import planned_sha256s
from pairgen.shards.format.reader import map_file, read_samples
from pairgen.shards.format.slots import check_made, index_of_key
from pairgen.shards.storage.store import Store, open_store
from pairgen.trust import current_trust
from pairgen.types import Plan, Sample, ShardTask, canonical_json, sample_key


def run_replay(folder: str | Path, key: str, trust_code: bool = False) -> Replay:
    """Make one sample of a dataset again and compare it with what is stored.

    Args:
        folder: The dataset.
        key: Key of the sample, nine digits; leading zeros may be omitted.
        trust_code: Whether to import modules outside pairgen that the dataset names.

    Raises:
        ConfigError: The folder holds no dataset that can be replayed, or no such sample.
        CorruptShardError: Its shard is damaged.
    """
    (result,) = run_replays(folder, [key], trust_code)
    return result


def run_replays(
    folder: str | Path, keys: Sequence[str], trust_code: bool = False
) -> Iterator[Replay]:
    """Make samples of a dataset again, one after the other.

    They come in the dataset's order, except that shards made with other settings come separately.
    The maker is loaded once for each group of settings, and samples of one batch are made together.
    All keys are checked before anything is made.

    Args:
        folder: The dataset.
        keys: Keys of the samples, as in `run_replay`; repeated keys count once.
        trust_code: As in `run_replay`.

    Raises:
        ConfigError: The folder holds no dataset that can be replayed, or a sample is missing.
        CorruptShardError: A shard is damaged.
    """
    store = open_store(folder)
    plan = read_plan(store)
    if plan.kind not in MAKERS:
        raise ConfigError(
            f"replay needs a dataset of kind {' or '.join(MAKERS)}; {store.url} is {plan.kind!r}."
        )
    indices = sorted({index_of_key(str(key), plan) for key in keys})
    shards = [
        (_checked_receipt(store, plan, shard_index, list(found)), set(found))
        for shard_index, found in _by_shard(indices, plan.samples_per_shard)
    ]
    return each_within(
        lambda: trusted_by_user({"trust_code": trust_code}), _replay_shards(store, plan, shards)
    )


def _by_shard(indices: Sequence[int], samples_per_shard: int) -> list[tuple[int, list[int]]]:
    shards = groupby(indices, lambda index: index // samples_per_shard)
    return [(shard_index, list(found)) for shard_index, found in shards]


def _checked_receipt(store: Store, plan: Plan, shard_index: int, indices: Sequence[int]) -> Receipt:
    """Return the receipt of a shard that has these samples.

    Raises:
        ConfigError: A sample was never made.
        CorruptShardError: A required file is missing or damaged.
    """
    receipt = readable_receipt(store, shard_index)
    if receipt is not None:
        # First, because a shard whose slots all failed has no tar.
        for index in indices:
            check_made(receipt, index)
    needed = [layout.receipt_path(shard_index), layout.shard_path(shard_index)]
    needed += inputs_paths(plan)
    missing = [path for path in needed if not store.exists(path)]
    if receipt is None or missing:
        raise CorruptShardError(
            f"{', '.join(missing or needed[:1])} of {store.url} is missing or damaged, and without "
            f"it {sample_key(indices[0])} cannot be compared: run `pairgen verify` for details and "
            "`pairgen repair` to make the shard again."
        )
    return receipt


def _replay_shards(
    store: Store, plan: Plan, shards: Sequence[tuple[Receipt, set[int]]]
) -> Iterator[Replay]:
    """Replay shard by shard; shards made with the same settings follow each other."""
    check_found(store, plan)

    def made_by(shard: tuple[Receipt, set[int]]) -> str:
        return canonical_json(_execution(shard[0], plan))

    for _, alike in groupby(sorted(shards, key=made_by), made_by):
        maker: Maker | None = None
        for receipt, indices in alike:
            start = time.perf_counter()
            stored = _stored_members(store, receipt.shard_index, indices)
            maker = maker or _open_maker(receipt, store, plan)
            _check_code(receipt, store, plan)
            task = ShardTask(
                shard_index=receipt.shard_index,
                start=receipt.start,
                stop=receipt.stop,
                fingerprint=receipt.fingerprint,
                parent_sha256=receipt.parent_sha256,
            )
            num_threads = _execution(receipt, plan)["cpu_threads"]
            for made in each_in_cpu_threads(num_threads, maker.make_again(indices, task)):
                found = _compared(made, stored.pop(made.index), receipt, store, plan)
                # Only now is all imported that making a sample takes.
                software = (*_unrecorded_code(receipt, plan), *_differing_software(receipt, maker))
                now = time.perf_counter()
                yield Replay(
                    key=sample_key(made.index),
                    differences=found.differences,
                    software=software,
                    seconds=now - start,
                    equal=found.equal,
                    distances=found.distances,
                )
                start = time.perf_counter()


def _check_code(receipt: Receipt, store: Store, plan: Plan) -> None:
    """Refuse to compare a shard with what other code than its own makes.

    Raises:
        ChangedCodeError: The user's own code has changed since.
    """
    records = [plan.code, *others_in(plan.code)]
    made_by = next((each for each in records if each.get("sha256") == _code_of(receipt)), {})
    before = modules_in(made_by)
    now = seen(before, modules_of(parts_of(plan)), current_trust().folders)
    shard = f"shard {receipt.shard_index:05d} of {store.url}"
    refuse(shard, changes(before, now), remedy="Put it back to make its samples again.")


def _code_of(receipt: Receipt) -> str:
    return str(receipt.made.get("code", "none"))


def _unrecorded_code(receipt: Receipt, plan: Plan) -> tuple[str, ...]:
    is_unknown = parts_of(plan) and "code" not in receipt.made
    return ("own code: there not recorded",) if is_unknown else ()


def _execution(receipt: Receipt, plan: Plan) -> dict[str, Any]:
    """Return the settings of a shard: the dataset may have continued with others."""
    return {name: receipt.made.get(name, there) for name, there in plan.execution.items()}


def _open_maker(receipt: Receipt, store: Store, plan: Plan) -> Maker:
    """Load what makes a shard, with the settings it was made with.

    Raises:
        ConfigError: The list of inputs is damaged, or the weights do not match the plan.
    """
    plan = dataclasses.replace(plan, execution=_execution(receipt, plan))
    try:
        open_inputs(store, plan)
    except UnreadableInputsError as error:
        raise ConfigError(
            f"{', '.join(inputs_paths(plan))} of {store.url} cannot be read: "
            f"{str(error).rstrip('.')}; run `pairgen verify`."
        ) from None
    # As in a worker: thread counts change bits.
    with cpu_threads(plan.execution["cpu_threads"]):
        return open_maker(plan, store)


def _stored_members(
    store: Store, shard_index: int, indices: Collection[int]
) -> dict[int, dict[str, bytes]]:
    """Return the members of some samples of a shard.

    The tar is scanned: if it was altered, the index does not tell where its samples are.

    Raises:
        ConfigError: The shard does not have all of them.
        CorruptShardError: The shard is damaged.
    """
    path, keys = layout.shard_path(shard_index), {sample_key(index): index for index in indices}
    found: dict[int, dict[str, bytes]] = {}
    with store.local(path) as local, map_file(local) as view:
        try:
            for sample in read_samples(view):
                if sample.key in keys:
                    copied = {name: bytes(data) for name, data in sample.members.items()}
                    found[keys[sample.key]] = copied
                # Release the view before its file is closed.
                sample.members.clear()
                if len(found) == len(keys):
                    return found
        except CorruptShardError as error:
            raise CorruptShardError(
                f"{path} of {store.url} is damaged; `pairgen repair` makes it again: {error}."
            ) from None
    missing = min(set(keys.values()) - set(found))
    raise ConfigError(
        f"{path} of {store.url} has no sample {sample_key(missing)}: run `pairgen verify`."
    )


def _compared(
    made: Sample | FailedSlot,
    stored: Mapping[str, bytes],
    receipt: Receipt,
    store: Store,
    plan: Plan,
) -> Comparison:
    """Compare a sample made again with the stored one, and check what else was altered."""
    if isinstance(made, FailedSlot):
        cannot = {
            **dict.fromkeys(("degrade", "collect"), "the source can no longer be used"),
            "overlay": "the parent's sample can no longer be annotated",
        }
        why = f"{cannot.get(plan.kind, 'it cannot be made again')}: {made.reason}"
        return Comparison((why,), (), {})
    found = compare(made, stored)
    altered = []
    planned = plan.fingerprint(receipt.stop)
    if receipt.fingerprint != planned:
        altered.append(
            f"fingerprint: of the receipt {receipt.fingerprint[:12]}, of the plan {planned[:12]}"
        )
    text_differs = any(line.startswith("txt: ") for line in found.differences)
    if text_differs and not _has_planned_inputs(store, plan):
        what = ", ".join(inputs_paths(plan)) or "the painter"
        altered.append(f"{what} does not match the plan")
    return dataclasses.replace(found, differences=(*altered, *found.differences))


def _has_planned_inputs(store: Store, plan: Plan) -> bool:
    """Whether the lists of inputs are those that the plan was made from."""
    return open_inputs(store, plan).sha256s() == planned_sha256s(plan)


def _differing_software(receipt: Receipt, maker: Maker) -> tuple[str, ...]:
    there = {**receipt.made.get("versions", {}), "device": receipt.made.get("device")}
    here = {**versions(maker.modules), "device": maker.device}
    # A module that only one of the processes imported, for another annotator, made none of this.
    return tuple(
        f"{name}: there {there[name]}, here {here[name]}"
        for name in sorted(there.keys() & here.keys())
        if there[name] != here[name]
    )
