"""Which samples of a dataset a page shows, what its indices say of them, and their images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa
import torch

from pairgen.drawing.cells import (
    PATH,
    Cell,
    is_latent,
    latent_cells,
    picture_members,
    state_cells,
    stored_cells,
)
from pairgen.errors import ConfigError
from pairgen.kinds.decode import load_decoder
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.where import parse_where
from pairgen.shards.loading.layer_columns import column_owners, joined_table
from pairgen.shards.loading.left_out import say_left_out
from pairgen.shards.loading.matching import open_matching
from pairgen.shards.loading.stored import Stored, read_rows
from pairgen.shards.overlays.annotations import find_annotations
from pairgen.shards.overlays.overlay import Layer, is_by_value, open_layer, open_overlay
from pairgen.shards.overlays.overlay_state import UP_TO_DATE, overlay_state
from pairgen.shards.storage.store import Store
from pairgen.types import Plan

# Rows of which the charts are made; reading the indices of a large set would take minutes.
MAX_CHARTED = 20_000


@dataclass(frozen=True)
class Drawn:
    """The samples that a page shows.

    Attributes:
        layers: The dataset, then its annotations that are up to date.
        num_available: Number of samples that were drawn from.
        places: (shard, row) of each sample, ascending.
        table: The columns of all layers for these samples.
        left_out: Annotations that are not up to date, and what they lack.
    """

    layers: tuple[Layer, ...]
    num_available: int
    places: tuple[tuple[int, int], ...]
    table: pa.Table
    left_out: tuple[tuple[Layer, str], ...] = ()


def draw_samples(store: Store, num: int, where: str, seed: int) -> Drawn:
    """Draw samples evenly: one from each of `num` parts of equal length.

    Raises:
        ConfigError: The condition cannot be used, or no sample meets it.
        CorruptShardError: An index is missing or damaged.
    """
    base = open_layer(store)
    counts = np.zeros(base.plan.num_shards, np.int64)
    for shard_index, receipt in base.receipts.items():
        counts[shard_index] = receipt.count
    found, left_out = _annotations(base)
    layers = (base, *found)
    if where:
        matching = open_matching(store, base.plan, parse_where(where))
        say_left_out(matching.left_out)
        counts = matching.count(counts, lambda _: None)
        if not counts.any():
            raise ConfigError(f"{store.url} has no sample that meets {where!r} to show.")
    places = even_places(counts, num, seed)
    if where:
        places = matching.rows(places)
    table = read_columns(layers, places)
    return Drawn(layers, int(counts.sum()), tuple(places), table, tuple(left_out))


def even_places(counts: np.ndarray, num: int, seed: int) -> list[tuple[int, int]]:
    """Return (shard, row) of `num` samples, one at random from each of `num` equal parts.

    Args:
        counts: Number of samples in each shard, [N].
        num: Number of samples; all of them if there are not more.
        seed: Seed of the draw.
    """
    ends, total = np.cumsum(counts), int(counts.sum())
    ranks = np.arange(total)
    if total > num:
        edges = np.linspace(0, total, num + 1).round().astype(np.int64)
        generator = generator_for(seed, 0, Stream.REPORT)
        ranks = generator.integers(edges[:-1], edges[1:])
    shards = np.searchsorted(ends, ranks, side="right")
    rows = ranks - (ends - counts)[shards] if total else ranks
    return list(zip(shards.tolist(), rows.tolist(), strict=True))


def charted_columns(layers: Sequence[Layer]) -> pa.Table:
    """Return the columns of whole shards, evenly chosen, of about `MAX_CHARTED` samples."""
    shards = [index for index, each in sorted(layers[0].receipts.items()) if each.count]
    total = sum(layers[0].receipts[index].count for index in shards)
    num = max(1, min(len(shards), len(shards) * MAX_CHARTED // max(total, 1)))
    chosen = [shards[at] for at in np.linspace(0, len(shards) - 1, num).round().astype(int)]
    places = [(shard, -1) for shard in dict.fromkeys(chosen)]
    return read_columns(layers, places)


def read_columns(layers: Sequence[Layer], places: Sequence[tuple[int, int]]) -> pa.Table:
    """Return the columns of all layers for samples; a row of -1 stands for a whole shard.

    Raises:
        CorruptShardError: An index is missing, or does not match its receipt.
    """
    owners, parts = column_owners(layers), []
    for shard_index, group in groupby(places, lambda place: place[0]):
        rows = np.array([row for _, row in group])
        whole = None if rows[0] < 0 else rows
        parts.append(joined_table(layers, owners, shard_index, list(owners), whole))
    return pa.concat_tables(parts, promote_options="permissive") if parts else pa.table({})


def read_cells(
    store: Store, plan: Plan, drawn: Drawn, on_progress: Callable[[int], None]
) -> list[list[Cell]]:
    """Return the images of each sample: of its trajectory, of its end point, or as stored.

    None of a dataset without images.

    Raises:
        CorruptShardError: A shard is missing or damaged.
        TeacherLoadError: The decoder of the teacher cannot be loaded.
    """
    cells_of = _cells_of(plan)
    if cells_of is None:
        return [[] for _ in drawn.places]
    found = []
    for sample in read_rows(store, plan, drawn.places):
        found.append(cells_of(sample))
        on_progress(len(found))
    return found


def _cells_of(plan: Plan) -> Callable[[Stored], list[Cell]] | None:
    if is_latent(plan):
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        decoder = load_decoder(plan.teacher, device)
        if PATH in plan.members:
            return lambda sample: state_cells(plan, decoder, sample)
        # The caption of a card says the rest.
        return lambda sample: [
            Cell(each.picture, "end point") for each in latent_cells(decoder, sample)
        ]
    if picture_members(plan):
        return lambda sample: stored_cells(plan, sample)
    return None


def _annotations(base: Layer) -> tuple[list[Layer], list[tuple[Layer, str]]]:
    """Return the annotations that have a column for every sample, and those not up to date."""
    found: list[Layer] = []
    left_out: list[tuple[Layer, str]] = []
    for store in find_annotations(base.store):
        overlay = open_overlay(store)
        state = overlay_state(base, overlay)
        if state != UP_TO_DATE:
            left_out.append((overlay, state))
        elif not is_by_value(overlay.plan) and _has_own_columns([base, *found], overlay):
            found.append(overlay)
    return found, left_out


def _has_own_columns(layers: Sequence[Layer], overlay: Layer) -> bool:
    try:
        column_owners([*layers, overlay])
    except ConfigError:
        # With a column that another one has.
        return False
    return True
