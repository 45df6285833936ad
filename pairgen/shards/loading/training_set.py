"""What a training reads of a dataset: its good shards, and the samples that meet a condition."""

import hashlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError, CorruptShardError
from pairgen.redaction import url_without_secrets
from pairgen.seeding import NOISE_GENERATOR
from pairgen.shards.format.image_member import PICTURES
from pairgen.shards.format.where import Where
from pairgen.shards.loading.annotations import open_annotations
from pairgen.shards.loading.good_shards import good_shards
from pairgen.shards.loading.layer_columns import column_owners, joined_table
from pairgen.shards.loading.left_out import LeftOut, common_rows
from pairgen.shards.loading.value_layer import ValueLayer, lacking, open_values
from pairgen.shards.overlays.adding import adding_command, encoder_of, making_command
from pairgen.shards.overlays.overlay import (
    KIND,
    Layer,
    check_overlay,
    is_by_value,
    open_layer,
    open_overlay,
)
from pairgen.shards.storage.store import open_store
from pairgen.shown import Shown, ShownTable
from pairgen.types import canonical_json

NOISE = "noise.npy"
# Index files are small and many: waiting for disk or network dominates.
INDEX_THREADS = 8
log = logging.getLogger("pairgen")


@dataclass(frozen=True, repr=False)
class TrainingSet(Shown):
    """A dataset to train on.

    Attributes:
        url: Folder or URL of the dataset.
        weight: How often an epoch takes each sample, on average: 1 is once, 2 is twice, 0.5 is
            every other sample, the rest in the next epoch.
        overlays: Folders or URLs that add members to its samples. Samples that one of them lacks
            are left out. An overlay in `DIR.annotations` need not be named: it is opened if it has
            a member or column that is asked for and that the dataset and these overlays lack.
    """

    url: str | Path
    weight: float = 1.0
    overlays: Sequence[str | Path] = ()

    def shown(self) -> ShownTable:
        """Return the dataset, its weight and its overlays."""
        rows = [("weight", f"{self.weight:g}")]
        rows += [("overlay", url_without_secrets(str(each))) for each in self.overlays]
        return ShownTable(f"TrainingSet of {url_without_secrets(str(self.url))}", rows)


@dataclass(frozen=True)
class OpenSet:
    """A dataset whose plan and receipts were read.

    Attributes:
        layers: The dataset, then its overlays with a sample for each sample.
        shards: Indices of the shards to read.
        rows: Rows to read of each shard's index, [N]; None for all.
        left_out: The samples that an overlay lacks; None if there are none.
        by_value: Its overlays with a sample for each distinct text.
    """

    layers: tuple[Layer, ...]
    shards: tuple[int, ...]
    rows: tuple[np.ndarray | None, ...]
    left_out: LeftOut | None = None
    by_value: tuple[ValueLayer, ...] = ()

    @property
    def base(self) -> Layer:
        """The dataset itself."""
        return self.layers[0]

    @property
    def all_layers(self) -> tuple[Layer, ...]:
        """The dataset, then all its overlays."""
        return (*self.layers, *(values.layer for values in self.by_value))

    @property
    def url(self) -> str:
        """URL of the dataset."""
        return self.base.store.url

    @property
    def counts(self) -> tuple[int, ...]:
        """Number of samples to read from each shard."""
        receipts = (self.base.receipts[shard] for shard in self.shards)
        pairs = zip(receipts, self.rows, strict=True)
        return tuple(receipt.count if rows is None else len(rows) for receipt, rows in pairs)

    def layer_of(self, field: str) -> Layer | None:
        """Return the layer that holds a field; None if no layer does."""
        return next((layer for layer in self.all_layers if field in layer.plan.members), None)

    def draws_noise(self, field: str) -> bool:
        """Whether a field is the noise and must be drawn again from its seed."""
        recipe = self.base.plan.recipe
        return field == NOISE and recipe.get("noise") == "seed" and self.layer_of(field) is None

    def spec(self, field: str) -> Mapping[str, Any]:
        """Return dtype and shape of a field; {} for text.

        Raises:
            ConfigError: The dataset has no such field, or it cannot be batched.
        """
        if self.draws_noise(field):
            latent = self.base.plan.members["latent.npy"]
            return {"dtype": self.base.plan.recipe["stored_dtype"], "shape": latent["shape"]}
        layer = self.layer_of(field)
        if layer is None:
            known = sorted({name for layer in self.all_layers for name in layer.plan.members})
            command = adding_command(field, self.url, encoder_of(self.base.plan))
            remedy = f"; `{command}` adds it" * bool(command)
            # Another member that is spelled alike is not what was meant.
            is_member = command or making_command(field)
            hint = "" if is_member else did_you_mean(field, known)
            raise ConfigError(
                f"{self.url} has no member {field!r}{hint}; it has {', '.join(known)}{remedy}."
            )
        kind = field.rpartition(".")[2]
        if kind not in ("npy", "txt", *PICTURES):
            raise ConfigError(
                f"The field {field!r} is neither an array, nor text, nor an image; use `facts` "
                "to read facts of the samples."
            )
        return {} if kind == "txt" else layer.plan.members[field]

    def identity(self) -> dict[str, Any]:
        """Return what must be unchanged when a training resumes."""
        lacking = [] if self.left_out is None else [self.left_out.sha256]
        counts = canonical_json([self.shards, self.counts, *lacking])
        return {
            "fingerprints": [layer.plan.fingerprint() for layer in self.all_layers],
            "num_samples": sum(self.counts),
            "shards": hashlib.sha256(counts.encode()).hexdigest()[:16],
        }


def open_set(
    training_set: TrainingSet, where: Where | None, skip_bad: bool, wanted: Collection[str] = ()
) -> OpenSet:
    """Read plans and receipts, check the size of every shard, and apply the condition.

    Args:
        training_set: The dataset and its overlays.
        where: Samples to read; None for all.
        skip_bad: Whether to leave out and log shards that are missing, stale or of the wrong size.
        wanted: Members and columns that are read. Those, and columns of the condition, that
            neither the dataset nor an overlay named with it has are looked for in its annotations.

    Raises:
        ConfigError: A folder holds no dataset, an overlay does not match, or nothing is left.
        CorruptShardError: A shard is missing or stale, or has the wrong size.
    """
    base = open_layer(open_store(training_set.url))
    if base.plan.kind == KIND:
        raise ConfigError(f"{base.store.url} is an overlay: name its parent and it as `overlays`.")
    overlays = [open_overlay(open_store(url)) for url in training_set.overlays]
    overlays += open_annotations((base, *overlays), {*wanted, *(where.columns if where else ())})
    for overlay in overlays:
        check_overlay(base, overlay)
    _check_members((base, *overlays))
    layers = (base, *(overlay for overlay in overlays if not is_by_value(overlay.plan)))
    owners = column_owners(layers)
    shards = good_shards(layers, skip_bad)
    by_value = tuple(
        open_values(base, overlay, skip_bad) for overlay in overlays if is_by_value(overlay.plan)
    )
    lacks = [(each.layer, lacking(base, each, shards, skip_bad)) for each in by_value]
    rows, left_out = common_rows(layers, shards, lacks)
    if left_out is not None and not rows:
        raise ConfigError(f"{left_out.lack}.")
    if where is not None and rows:
        where.check_columns(list(owners), f"The index of {base.store.url}")
        kept = _select(layers, rows, where.columns or ["key"], where.mask, skip_bad)
        rows = {shard: _subset(rows[shard], mask) for shard, mask in kept.items()}
    found = OpenSet(layers, tuple(rows), tuple(rows.values()), left_out, by_value)
    if sum(found.counts) == 0:
        condition = f" that meets {where.text!r}" if where else ""
        raise ConfigError(f"{found.url} has no sample{condition}.")
    return found


def _subset(rows: np.ndarray | None, mask: np.ndarray) -> np.ndarray:
    """Return the rows whose mask is true."""
    return np.flatnonzero(mask) if rows is None else rows[mask]


def guidance_scales(found: OpenSet) -> set[float]:
    """Return the guidance scales among the samples that are read."""
    planned = set(found.base.plan.recipe.get("guidance_scales", ()))
    if len(planned) < 2 or all(rows is None for rows in found.rows):
        return planned
    scales: set[float] = set()
    rows = dict(zip(found.shards, found.rows, strict=True))
    columns = _select(
        found.layers, rows, ["guidance_scale"], lambda table: table.column(0).to_numpy()
    )
    for column in columns.values():
        scales |= set(np.unique(column).tolist())
    return scales


def noise_identity(found: OpenSet) -> tuple[str, int] | None:
    """Return what fixes the noises of a dataset; None if it has none."""
    plan = found.base.plan
    return (plan.recipe["noise_generator"], plan.seed) if "noise_generator" in plan.recipe else None


def check_noise_generator(found: OpenSet) -> None:
    """Raise ConfigError if the noise must be drawn by a generator that is unknown here."""
    name = found.base.plan.recipe["noise_generator"]
    if name != NOISE_GENERATOR:
        raise ConfigError(
            f"The noise of {found.url} is drawn by {name!r}; this pairgen has {NOISE_GENERATOR!r}."
        )


def _check_members(layers: Sequence[Layer]) -> None:
    """Refuse overlays with members that another layer already has."""
    holders: dict[str, Layer] = {}
    for layer in layers:
        for name in set(layer.plan.members) - {"json"}:
            if name in holders:
                raise ConfigError(
                    f"{name!r} is a member of {holders[name].store.url} and of {layer.store.url}."
                )
            holders[name] = layer


def _select(
    layers: Sequence[Layer],
    rows: Mapping[int, np.ndarray | None],
    columns: Sequence[str],
    compute: Callable[[pa.Table], np.ndarray],
    skip_bad: bool = False,
) -> dict[int, np.ndarray]:
    """Compute a value from columns of some rows of each shard; bad shards may be left out."""
    owners = column_owners(layers)

    def of_shard(shard_index: int) -> np.ndarray | None:
        try:
            return compute(joined_table(layers, owners, shard_index, columns, rows[shard_index]))
        except CorruptShardError as error:
            if not skip_bad:
                raise
            log.warning("Left out: %s", error)
            return None

    with ThreadPoolExecutor(INDEX_THREADS) as executor:
        found = dict(zip(rows, executor.map(of_shard, rows), strict=True))
    return {shard: values for shard, values in found.items() if values is not None}
