"""Compare the manifest with the plan and the receipts that it sums up."""

import hashlib
import json
from collections.abc import Iterator, Mapping

from pairgen.receipts import Listed, Receipt, listed_in
from pairgen.shards.check.report import Problem
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import fold
from pairgen.shards.overlays.overlay import KIND
from pairgen.shards.storage.store import Store
from pairgen.types import Plan, canonical_json
from pairgen.untrusted.malformed import MalformedError
from pairgen.wording import counted

# Largest manifest that is read, and how much more it may be for each shard.
MAX_BYTES, MAX_BYTES_PER_SHARD = 16 * 1024**2, 64 * 1024
_REMEDY = "`pairgen repair` writes it anew"
_TOTALS = ("num_samples", "num_failed", "num_skipped", "num_bytes")


def digest(receipt: Receipt) -> bytes:
    """Return 16 bytes that tell receipts apart."""
    return hashlib.sha256(receipt.to_json(sealed=False)).digest()[:16]


def check_manifest(store: Store, plan: Plan, standing: Mapping[int, bytes]) -> Iterator[Problem]:
    """Yield in what the manifest disagrees; nothing if there is none, since it can be rebuilt.

    While shards are made, it may be behind: what it lacks is no disagreement until all are done.

    Args:
        store: The dataset folder.
        plan: Its plan.
        standing: Digests of the valid receipts, by shard.

    Raises:
        OSError: The store cannot be read.
    """
    try:
        if store.size(layout.MANIFEST) > MAX_BYTES + MAX_BYTES_PER_SHARD * len(standing):
            raise MalformedError("it is far larger than that of these shards")
        listed = listed_in(store.read_bytes(layout.MANIFEST))
    except FileNotFoundError:
        return
    except MalformedError as error:
        yield _problem(f"cannot be read: {error}; {_REMEDY}")
        return
    for detail in _differences(plan, standing, listed):
        yield _problem(detail)


def _problem(detail: str) -> Problem:
    return Problem("manifest", layout.MANIFEST, detail)


def _differences(plan: Plan, standing: Mapping[int, bytes], listed: Listed) -> Iterator[str]:
    if listed.fingerprint and listed.fingerprint != plan.fingerprint():
        yield f"it is that of another plan, {listed.fingerprint[:12]}; {_REMEDY}"
        return
    is_complete = len(standing) == plan.num_shards
    others = [
        receipt.shard_index
        for receipt in listed.receipts
        if standing.get(receipt.shard_index, digest(receipt)) != digest(receipt)
        and (is_complete or receipt.stop == _stop(plan, receipt.shard_index))
    ]
    if others:
        yield (
            f"its receipts of {counted(len(others), 'shard')}, first {others[0]:05d}, differ; "
            f"{_REMEDY}"
        )
    lacking = sorted(standing.keys() - {receipt.shard_index for receipt in listed.receipts})
    if lacking and is_complete:
        yield f"it lacks {len(lacking):,} finished shards, first {lacking[0]:05d}; {_REMEDY}"
    if not others and not lacking and (wrong := _wrong_totals(plan, listed)):
        yield f"its {', '.join(wrong)} are not those of its receipts; {_REMEDY}"
    if is_complete and listed.plan is not None and (fields := _other_fields(plan, listed.plan)):
        yield (
            f"its copy of the plan differs in {', '.join(fields)}: one of both was changed; "
            f"compare {layout.PLAN} with it, then {_REMEDY}"
        )


def _stop(plan: Plan, shard_index: int) -> int:
    return min((shard_index + 1) * plan.samples_per_shard, plan.num_samples)


def _wrong_totals(plan: Plan, listed: Listed) -> list[str]:
    """Return the sums that do not follow from the receipts that are listed."""
    if listed.num_planned != plan.num_samples:
        # It was written before the dataset grew.
        return []
    sums = fold(plan, listed.receipts)
    wrong = [name for name in _TOTALS if getattr(listed, name) != getattr(sums, name)]
    # Which shards of an overlay are missing depends on its parent too.
    missing = tuple((task.start, task.stop) for task in sums.missing)
    if plan.kind != KIND and listed.missing != missing:
        wrong.append("missing")
    return wrong


def _other_fields(plan: Plan, copy: Mapping[str, object]) -> list[str]:
    """Return the fields of the plan that differ in its copy."""
    own = json.loads(canonical_json(plan.to_dict()))
    return [name for name in {**own, **copy} if own.get(name) != copy.get(name)]
