"""A batch, and how it is filled from mapped shards without intermediate copies."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pairgen.errors import ConfigError, CorruptShardError
from pairgen.sampling.signed import to_signed
from pairgen.seeding import unrounded_noise_for
from pairgen.shards.format.image_member import is_image
from pairgen.shards.loading.framing import Frame, Framing
from pairgen.shards.loading.order import Places
from pairgen.shards.loading.pixels import UnplannedImageError, read_image
from pairgen.shards.loading.shard_pool import LoadedShard
from pairgen.shards.loading.value_shards import ScatteredMember
from pairgen.shown import Picture, Shown, ShownTable
from pairgen.types import sample_key
from pairgen.wording import counted

GUIDANCE_SCALE = "guidance_scale"
# Texts and numbers of the first samples that a batch prints.
NUM_SHOWN = 4
# Index columns needed to draw a noise again.
NOISE_COLUMNS = ("seed", "pair_index", "noise_crc32")


@dataclass(frozen=True, kw_only=True, repr=False)
class Batch(Shown):
    """A batch for one training step.

    Attributes:
        tensors: Field name to [B, ...]: arrays as stored; images as uint8 [B, H, W, 3] in RGB, or
            uint8 or uint16 [B, H, W, 1].
        texts: Field name to B texts.
        indices: Slot of each sample in its dataset, int64 [B].
        sets: Position of each sample's dataset in the list given, int64 [B]; each sub-set of a
            folder counts as one.
        guidance_scale: Guidance scale of each sample, float32 [B]; None if a dataset has none.
        facts: Column name to a tensor [B], or to B values if they are text.
    """

    tensors: Mapping[str, Tensor]
    texts: Mapping[str, tuple[str, ...]]
    indices: Tensor
    sets: Tensor
    guidance_scale: Tensor | None
    facts: Mapping[str, Tensor | tuple[Any, ...]]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, field: str) -> Tensor:
        """Return the tensor of a field."""
        return self.tensors[field]

    def shown(self) -> ShownTable:
        """Return dtype and shape of each field, and the first texts."""
        rows = [(name, _tensor_words(value)) for name, value in self.tensors.items()]
        rows += [(name, _first_words(values)) for name, values in self.texts.items()]
        if self.guidance_scale is not None:
            scales = [f"{scale:g}" for scale in self.guidance_scale.tolist()]
            rows.append((GUIDANCE_SCALE, _first_words(scales)))
        rows += [
            (name, _first_words(values.tolist() if isinstance(values, Tensor) else values))
            for name, values in self.facts.items()
        ]
        rows.append(("keys", _first_words(self.keys)))
        return ShownTable(f"Batch of {counted(len(self), 'sample')}", rows)

    def shown_pictures(self) -> list[Picture]:
        """Return the images, sample by sample."""
        fields = [name for name in self.tensors if is_image(name)]
        return [
            (f"{name} of {key}", partial(_picture, self.tensors[name], place))
            for place, key in enumerate(self.keys if fields else ())
            for name in fields
        ]

    def image(self, field: str) -> Tensor:
        """Return the images of a field for a network, [B, C, H, W] float32 in [-1, 1].

        C is 3 for RGB, and 1 for masks, edges and depth.

        Raises:
            ConfigError: The batch has no such images.
        """
        images = [name for name in self.tensors if is_image(name)]
        if field not in images:
            raise ConfigError(
                f"The batch has no images {field!r}: its images are {', '.join(images) or 'none'}."
            )
        return to_signed(self.tensors[field])

    def rows(self, start: int, stop: int) -> "Batch":
        """Return the samples `start` to `stop` as a batch of views."""
        return Batch(
            tensors={name: value[start:stop] for name, value in self.tensors.items()},
            texts={name: value[start:stop] for name, value in self.texts.items()},
            indices=self.indices[start:stop],
            sets=self.sets[start:stop],
            guidance_scale=None if self.guidance_scale is None else self.guidance_scale[start:stop],
            facts={name: value[start:stop] for name, value in self.facts.items()},
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """Key of each sample in its shard."""
        return tuple(sample_key(index) for index in self.indices.tolist())

    def to(self, device: torch.device, non_blocking: bool = False) -> "Batch":
        """Return the batch with its tensors on `device`."""

        def moved(value: Any) -> Any:
            is_tensor = isinstance(value, Tensor)
            return value.to(device, non_blocking=non_blocking) if is_tensor else value

        return replace(
            self,
            tensors={name: moved(value) for name, value in self.tensors.items()},
            indices=moved(self.indices),
            sets=moved(self.sets),
            guidance_scale=moved(self.guidance_scale),
            facts={name: moved(value) for name, value in self.facts.items()},
        )


@dataclass(frozen=True)
class _Group:
    """The samples of a batch from one shard: positions in the batch, and rows in the shard."""

    set_index: int
    shard: LoadedShard
    slots: np.ndarray
    rows: np.ndarray


def fill_batch(
    places: Places,
    shards: Mapping[tuple[int, int], LoadedShard],
    arrays: Mapping[str, np.ndarray],
    texts: Sequence[str],
    facts: Sequence[str],
    with_guidance: bool,
    framing: Framing,
    epoch: int,
) -> Batch:
    """Read the samples of a batch.

    Args:
        places: Where the samples are.
        shards: The shards that hold them.
        arrays: Field to the array [B, ...] to fill.
        texts: Fields that are text.
        facts: Columns of the index.
        with_guidance: Whether every shard has guidance scales.
        framing: The part of the images to read.
        epoch: Epoch of the batch.

    Raises:
        CorruptShardError: An image cannot be decoded, or a noise that was drawn again does not
            match its recorded checksum.
    """
    groups = _groups(places, shards)
    for field, array in arrays.items():
        for group in groups if not is_image(field) else ():
            fill = _copy_arrays if field in group.shard.members else _draw_noise
            fill(array, group, field)
    images = {field: array for field, array in arrays.items() if is_image(field)}
    for group in groups if images else ():
        slots = group.shard.indices[group.rows].tolist()
        _read_images(images, group, framing, framing.frames(epoch, group.set_index, slots))
    indices = _gather(groups, len(places.sets), lambda shard: shard.indices)
    names = (*facts, GUIDANCE_SCALE) if with_guidance else facts
    columns = {name: _gather(groups, len(indices), _column(name)) for name in names}
    scales = torch.from_numpy(columns[GUIDANCE_SCALE]).float() if with_guidance else None
    return Batch(
        tensors={name: torch.from_numpy(array) for name, array in arrays.items()},
        texts={field: _read_texts(groups, len(indices), field) for field in texts},
        indices=torch.from_numpy(indices),
        sets=torch.from_numpy(places.sets.astype(np.int64)),
        guidance_scale=scales,
        facts={name: _fact(columns[name]) for name in facts},
    )


def _groups(places: Places, shards: Mapping[tuple[int, int], LoadedShard]) -> list[_Group]:
    groups = []
    pairs = np.stack([places.sets.astype(np.int64), places.shards])
    for set_index, position in np.unique(pairs, axis=1).T.tolist():
        slots = np.flatnonzero((pairs[0] == set_index) & (pairs[1] == position))
        shard = shards[set_index, position]
        # The replacement of a bad shard may hold fewer samples.
        rows = places.rows[slots] % len(shard.indices)
        groups.append(_Group(set_index, shard, slots, rows))
    return groups


def _copy_arrays(array: np.ndarray, group: _Group, field: str) -> None:
    member = group.shard.members[field]
    target = array.reshape(len(array), -1).view(np.uint8)
    if isinstance(member, ScatteredMember):
        for slot, row in zip(group.slots.tolist(), group.rows.tolist(), strict=True):
            target[slot] = member.at(row)
        return
    num_bytes = int(member.sizes[0])
    for slot, start in zip(group.slots.tolist(), member.starts[group.rows].tolist(), strict=True):
        target[slot] = member.buffer[start : start + num_bytes]


def _read_images(
    arrays: Mapping[str, np.ndarray], group: _Group, framing: Framing, frames: Sequence[Frame]
) -> None:
    for field, array in arrays.items():
        member = group.shard.members[field]
        shape = framing.images[group.set_index].shapes[field]
        for slot, row, frame in zip(group.slots.tolist(), group.rows.tolist(), frames, strict=True):
            try:
                read_image(member.at(row), shape, frame, array[slot])
            except UnplannedImageError as error:
                key = sample_key(int(group.shard.indices[row]))
                raise CorruptShardError(
                    f"{field} of sample {key} in {group.shard.name} is {error}, the plan says "
                    f"{array.dtype} {list(shape)}."
                ) from None


def _draw_noise(array: np.ndarray, group: _Group, _: str) -> None:
    """Draw the noises of samples that store their seeds, and compare them to the checksums."""
    columns = [group.shard.columns[name][group.rows].tolist() for name in NOISE_COLUMNS]
    target = torch.from_numpy(array)
    for slot, row, seed, pair_index, crc32 in zip(
        group.slots.tolist(), group.rows.tolist(), *columns, strict=True
    ):
        noise = unrounded_noise_for(seed, pair_index, array.shape[1:])
        # Rounds to nearest even like NumPy, but ten times as fast.
        target[slot].copy_(torch.from_numpy(noise))
        if zlib.crc32(array[slot]) != crc32:
            key = sample_key(int(group.shard.indices[row]))
            raise CorruptShardError(
                f"The noise of sample {key} in {group.shard.name}, drawn again from seed {seed}, "
                "does not match its recorded checksum."
            )


def _read_texts(groups: Sequence[_Group], num: int, field: str) -> tuple[str, ...]:
    found = [""] * num
    for group in groups:
        member = group.shard.members[field]
        for slot, row in zip(group.slots.tolist(), group.rows.tolist(), strict=True):
            found[slot] = str(member.at(row).data, "utf-8")
    return tuple(found)


def _gather(
    groups: Sequence[_Group], num: int, values_of: Callable[[LoadedShard], np.ndarray]
) -> np.ndarray:
    """Return a value for every sample, [B]."""
    parts = [values_of(group.shard)[group.rows] for group in groups]
    slots = np.concatenate([group.slots for group in groups])
    found = np.empty(num, np.result_type(*parts))
    found[slots] = np.concatenate(parts)
    return found


def _column(name: str) -> Callable[[LoadedShard], np.ndarray]:
    return lambda shard: shard.columns[name]


def _fact(values: np.ndarray) -> Tensor | tuple[Any, ...]:
    return tuple(values.tolist()) if values.dtype == object else torch.from_numpy(values)


def _tensor_words(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)} on {value.device}"


def _first_words(values: Sequence[Any]) -> str:
    shown = ", ".join(map(str, values[:NUM_SHOWN]))
    return shown if len(values) <= NUM_SHOWN else f"{shown}, ..."


def _picture(images: Tensor, place: int) -> np.ndarray:
    return images[place].cpu().numpy()
