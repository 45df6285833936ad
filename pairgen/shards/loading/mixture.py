"""Check that the datasets of a training can be mixed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pairgen.config import did_you_mean, number
from pairgen.errors import ConfigError
from pairgen.shards.format.image_member import is_image, is_image_spec
from pairgen.shards.format.subsets import has_subsets, set_addresses
from pairgen.shards.loading.batch import GUIDANCE_SCALE, NOISE_COLUMNS
from pairgen.shards.loading.framing import Framing, Images, check_framing
from pairgen.shards.loading.layer_columns import column_owners
from pairgen.shards.loading.shapes import shown
from pairgen.shards.loading.training_set import (
    NOISE,
    OpenSet,
    TrainingSet,
    check_noise_generator,
    guidance_scales,
    noise_identity,
)
from pairgen.shards.loading.whole_image import check_caches
from pairgen.shards.storage.store import open_store

Datasets = str | Path | TrainingSet | Sequence[str | Path | TrainingSet]
# Range of a weight: a higher one would repeat samples uselessly, a lower one takes less than one
# sample in a million.
WEIGHTS = (1e-6, 1e6)


def training_sets(datasets: Datasets) -> list[TrainingSet]:
    """Return the user's datasets as `TrainingSet`s, the sub-sets of a folder each as its own.

    Raises:
        ConfigError: There is none, a weight is out of range, or overlays are named for sub-sets.
    """
    items = [datasets] if isinstance(datasets, str | Path | TrainingSet) else list(datasets)
    if not items:
        raise ConfigError("There is no dataset to train on: name at least one folder.")
    found = [item if isinstance(item, TrainingSet) else TrainingSet(item) for item in items]
    for item in found:
        number(f"The weight of {item.url}", item.weight, *WEIGHTS)
    return [each for item in found for each in _each_set(item)]


def _each_set(item: TrainingSet) -> list[TrainingSet]:
    if not has_subsets(open_store(item.url)):
        return [item]
    if item.overlays:
        raise ConfigError(
            f"{item.url} holds sub-sets: an overlay belongs to one of them, so name each sub-set "
            "with its own; those in DIR.annotations are found without being named."
        )
    return [replace(item, url=address) for address in set_addresses(item.url)]


def frame_images(
    sets: Sequence[OpenSet], fields: Sequence[str], seed: int, crop: int, flip: bool
) -> Framing:
    """Return how the images of the datasets are cropped and flipped.

    Raises:
        ConfigError: A field is falsified by that, or the images cannot be cropped alike.
    """
    check_caches(fields, [found.base.plan.kind for found in sets], crop=crop, flip=flip)
    images = tuple(_images(found, fields) for found in sets)
    framing = Framing(seed=seed, crop=crop, flip=flip, images=images)
    check_framing(framing)
    return framing


def _images(found: OpenSet, fields: Sequence[str]) -> Images:
    shapes = {}
    for field in filter(is_image, fields):
        spec = found.spec(field)
        if not is_image_spec(spec):
            raise ConfigError(
                f"{field} of {found.url} is planned as {shown(spec)}: an image must be uint8 "
                "[H, W, 3], or uint8 or uint16 [H, W, 1]."
            )
        shapes[field] = tuple(spec["shape"])
    return Images(found.url, shapes)


def columns_to_read(found: OpenSet, fields: Sequence[str], facts: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the indices of a dataset and its overlays that batches need.

    Raises:
        ConfigError: The index lacks a requested fact, or the noise cannot be drawn again.
    """
    known = list(column_owners(found.layers))
    for name in facts:
        if name not in known:
            raise ConfigError(
                f"The index of {found.url} has no column {name!r}{did_you_mean(name, known)}; "
                f"its columns are {', '.join(known)}."
            )
    columns = list(facts)
    if "guidance_scales" in found.base.plan.recipe:
        columns.append(GUIDANCE_SCALE)
    if NOISE in fields and found.draws_noise(NOISE):
        check_noise_generator(found)
        columns += NOISE_COLUMNS
    return tuple(dict.fromkeys(columns))


def check_one_guidance(sets: Sequence[OpenSet]) -> None:
    """Refuse several guidance scales: equal noise and text would have several correct targets.

    Raises:
        ConfigError: There are several.
    """
    scales = sorted(set().union(*(guidance_scales(found) for found in sets)))
    if len(scales) > 1:
        shown = ", ".join(f"{scale:g}" for scale in scales)
        raise ConfigError(
            f"{' and '.join(found.url for found in sets)} would train on the guidance scales "
            f'{shown} at once: choose one, such as --where "guidance_scale == {scales[-1]:g}" '
            "(where=...), or make the scale an input of the student by --guidance-embedding "
            "(guidance_embedding=True)."
        )


def check_other_noises(sets: Sequence[OpenSet]) -> None:
    """Refuse datasets that drew their noises from the same seed.

    Raises:
        ConfigError: Two datasets did.
    """
    owners: dict[tuple[str, int], OpenSet] = {}
    for found in sets:
        identity = noise_identity(found)
        if identity is None:
            continue
        if identity in owners:
            either = "or pass --set allow_shared_noise=true (allow_shared_noise=True)"
            if owners[identity].url == found.url:
                raise ConfigError(f"{found.url} is named twice: name it once, {either}.")
            raise ConfigError(
                f"{owners[identity].url} and {found.url} have the same noises, drawn from seed "
                f"{identity[1]}: make one of them with another --seed, {either}."
            )
        owners[identity] = found
