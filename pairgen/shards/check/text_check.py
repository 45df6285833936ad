"""Check the texts of an overlay by value: their slots, and the shards that were made from them."""

from collections.abc import Iterator, Sequence

import numpy as np

from pairgen.errors import CorruptShardError
from pairgen.shards.check.report import REDO_OVERLAY, Problem
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import iterate_receipts
from pairgen.shards.overlays.values import (
    hash_of_texts,
    read_slots,
    read_texts,
    rows_of_task,
    text_hashes,
)
from pairgen.shards.storage.store import Store
from pairgen.types import Plan
from pairgen.wording import counted


def check_texts(store: Store, plan: Plan, shards: Sequence[int]) -> Iterator[Problem]:
    """Yield what is wrong with the list of texts, its slots, or the texts of finished shards.

    Args:
        store: The folder.
        plan: Its plan.
        shards: Shards with a valid receipt.

    Raises:
        OSError: The store cannot be read.
    """
    try:
        texts = read_texts(store)
    except CorruptShardError as error:
        # A list that is there but damaged is reported with the inputs of any dataset.
        if not store.exists(layout.PROMPTS):
            yield Problem("texts", layout.PROMPTS, str(error).rstrip("."))
        return
    if len(texts) < plan.num_samples:
        detail = (
            f"{counted(len(texts), 'text')}, the plan says {plan.num_samples:,}: {REDO_OVERLAY}"
        )
        yield Problem("texts", layout.PROMPTS, detail)
        return
    try:
        slots = read_slots(store)
    except CorruptShardError as error:
        yield Problem("texts", layout.SLOTS, str(error).rstrip("."))
        return
    tasks, wrong = plan.tasks(), 0
    standing = dict(zip(shards, iterate_receipts(store, shards), strict=True))
    for task in tasks:
        of_task = rows_of_task(texts, task)
        wrong += int((slots.find(text_hashes(of_task)) != np.arange(task.start, task.stop)).sum())
        receipt = standing.get(task.shard_index)
        if receipt is not None and receipt.is_stale(hash_of_texts(of_task)):
            detail = f"made from other texts than {layout.PROMPTS} has for it: {REDO_OVERLAY}"
            yield Problem("stale", layout.shard_path(task.shard_index), detail)
    if wrong:
        detail = (
            f"{counted(wrong, 'text has', 'texts have')} another slot than in "
            f"{layout.PROMPTS}: {REDO_OVERLAY}"
        )
        yield Problem("texts", layout.SLOTS, detail)
