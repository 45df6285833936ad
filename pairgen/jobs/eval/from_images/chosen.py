"""Which pairs are judged: those that every system has an image of; and named parts of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from pairgen.errors import ConfigError
from pairgen.jobs.eval.from_images.beside import Other, find_other
from pairgen.jobs.eval.options import EvalConfig
from pairgen.judging.samples import open_held_out
from pairgen.list_rules import named_values
from pairgen.option_names import option_text
from pairgen.shards.format.where import Where, parse_where
from pairgen.shards.loading.first_rows import first_columns, only
from pairgen.shards.loading.layer_columns import column_owners
from pairgen.shards.loading.training_set import OpenSet

# Columns with the names of the images that a pair was made of.
SOURCES = ("image", "partner_image")


@dataclass(frozen=True, kw_only=True)
class Subset:
    """A named part of the pairs.

    Attributes:
        name: Its name.
        where: The condition.
        places: Places of its pairs among those that are judged, [M].
    """

    name: str
    where: str
    places: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The pairs that are judged.

    Attributes:
        found: The dataset, of which only these are read.
        num: Their number.
        num_available: Number of pairs to choose from.
        others: Other systems' images of them.
        subsets: Named parts of them.
        notes: What was left aside, and why.
    """

    found: OpenSet
    num: int
    num_available: int
    others: tuple[Other, ...]
    subsets: tuple[Subset, ...]
    notes: tuple[str, ...]


def choose_pairs(config: EvalConfig, members: Collection[str] = ()) -> Chosen:
    """Find the first pairs that all systems have an image of.

    Args:
        config: The options.
        members: Members that are read; those that only its annotations have are taken from there.

    Raises:
        ConfigError: There are fewer pairs than requested, or none that all have; a folder does not
            fit; a condition cannot be used, or none of the pairs meets it.
        CorruptShardError: A shard or an index is missing or damaged.
    """
    conditions = {name: parse_where(text) for name, text in named_values(config.subset).items()}
    columns = {column for where in conditions.values() for column in where.columns}
    wanted = {*columns, *members}
    samples = open_held_out(config.data, config.where, config.num_samples, wanted)
    known = list(column_owners(samples.found.layers))
    for where in conditions.values():
        where.check_columns(known, f"The index of {config.data}")
    sources = [name for name in SOURCES if name in known]
    table = first_columns(samples.found, samples.num, list({"key", *sources, *columns}))
    keys = table.column("key").to_pylist()
    names = list(zip(*(table.column(name).to_pylist() for name in sources), strict=True))
    others = tuple(
        find_other(name, path, keys, names or [()] * len(keys))
        for name, path in named_values(config.beside).items()
    )
    kept = np.array([all(key in other.files for other in others) for key in keys])
    notes = [note for other in others for note in other.notes()]
    if not kept.any():
        raise ConfigError(f"No pair has an image in every folder: {' '.join(notes)}")
    if not kept.all():
        notes.append(
            f"All rows are of the {kept.sum():,} of {len(keys):,} pairs that every folder has."
        )
    masks = {name: where.mask(table)[kept] for name, where in conditions.items()}
    return Chosen(
        found=only(samples.found, kept),
        num=int(kept.sum()),
        num_available=samples.num_available,
        others=others,
        subsets=_subsets(masks, conditions),
        notes=tuple(notes),
    )


def _subsets(
    masks: Mapping[str, np.ndarray], conditions: Mapping[str, Where]
) -> tuple[Subset, ...]:
    found = []
    for name, mask in masks.items():
        text = conditions[name].text
        if not mask.any():
            raise ConfigError(
                f"{option_text('subset')} {name}: none of the {len(mask):,} pairs meets {text!r}."
            )
        found.append(Subset(name=name, where=text, places=np.flatnonzero(mask)))
    return tuple(found)
