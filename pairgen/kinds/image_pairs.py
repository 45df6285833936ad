"""Pairs of a given image and the image to make, read from a dataset in order."""

from dataclasses import dataclass

import numpy as np

from pairgen.errors import ConfigError
from pairgen.image_recipe import ImageRecipe
from pairgen.shards.format import layout
from pairgen.shards.format.image_member import (
    PICTURES,
    decode_image,
    has_one_channel,
    is_image,
)
from pairgen.shards.format.reader import StoredSample
from pairgen.shards.loading.first_samples import first_samples
from pairgen.shards.loading.good_shards import bad_shard
from pairgen.shards.loading.training_set import OpenSet
from pairgen.sources.photographs import UnusableImageError
from pairgen.types import Plan

CAPTION = "txt"
# The largest value of a mask where a picture is known.
HALF = 127


@dataclass(frozen=True, kw_only=True)
class ImagePairs:
    """Pairs in the order of their dataset.

    Attributes:
        plan: The dataset's plan.
        keys: Keys of the samples, N.
        given: The given images, [N, h, w, 3] uint8, or [N, h, w, 1] uint8 or uint16; with a mask
            [N, h, w, 4] uint8, see `without_painted`.
        targets: The images to make, [N, H, W, 3] uint8.
        prompts: Prompts, N: each sample's own, or the recipe's.
        captions: Captions of the dataset, N; none if it has none.
    """

    plan: Plan
    keys: tuple[str, ...]
    given: np.ndarray
    targets: np.ndarray
    prompts: tuple[str, ...]
    captions: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)


def check_members(found: OpenSet, recipe: ImageRecipe) -> None:
    """Check that a dataset holds what an image student is given and what it makes.

    Raises:
        ConfigError: A member is missing, is no image, the target is not RGB, or the sizes do not
            fit the recipe's scale.
    """
    check_given(found, recipe)
    target = _image_size(found, recipe, recipe.target)
    if has_one_channel(found.spec(recipe.target)):
        raise ConfigError(f"{recipe.target} of {found.url} must be RGB: it is what is made.")
    if recipe.prompts:
        found.spec(recipe.prompts)
    height, width = _image_size(found, recipe, recipe.source)
    made = (recipe.scale * height, recipe.scale * width)
    if made != target:
        raise ConfigError(
            f"{recipe.target} of {found.url} must be {recipe.scale} times as large as "
            f"{recipe.source}, {made[1]} x {made[0]} px, got {target[1]} x {target[0]}."
        )


def check_given(found: OpenSet, recipe: ImageRecipe) -> None:
    """Check that a dataset holds what an image student is given.

    Raises:
        ConfigError: A member is missing, is no image, or its mask does not fit it.
    """
    _image_size(found, recipe, recipe.source)
    if recipe.mask:
        _check_mask(found, recipe)


def _image_size(found: OpenSet, recipe: ImageRecipe, name: str) -> tuple[int, int]:
    """Return height and width of a member that an image student is given or makes."""
    spec = found.spec(name)
    if not is_image(name):
        raise ConfigError(
            f"{name} must be an image, one of {', '.join(PICTURES)}: it is what a "
            f"{recipe.kind} student is given or makes."
        )
    height, width = spec["shape"][:2]
    return height, width


def read_image_pairs(found: OpenSet, recipe: ImageRecipe, num: int) -> ImagePairs:
    """Read the first pairs of a dataset.

    Args:
        found: The dataset, checked by `check_members`.
        recipe: What an image student does.
        num: Number of pairs; all if there are fewer.

    Raises:
        CorruptShardError: A shard is missing, does not match its receipt, or an image of it cannot
            be decoded.
    """
    texts = [name for name in (recipe.prompts, CAPTION) if name and found.layer_of(name)]
    members = (*given_members(recipe), recipe.target, *texts)
    keys, given, targets, prompts, captions = [], [], [], [], []
    for sample in first_samples(found, num, members):
        keys.append(sample.key)
        given.append(read_given(found, sample, recipe))
        targets.append(_decoded(found, sample, recipe.target))
        prompts.append(sample.decode(recipe.prompts) if recipe.prompts else recipe.prompt)
        captions += [sample.decode(CAPTION)] if CAPTION in texts else []
    return ImagePairs(
        plan=found.base.plan,
        keys=tuple(keys),
        given=np.stack(given),
        targets=np.stack(targets),
        prompts=tuple(prompts),
        captions=tuple(captions),
    )


def given_members(recipe: ImageRecipe) -> tuple[str, ...]:
    """Return the members of which the given image is made."""
    return (recipe.source, recipe.mask) if recipe.mask else (recipe.source,)


def read_given(found: OpenSet, sample: StoredSample, recipe: ImageRecipe) -> np.ndarray:
    """Return the given image of a sample, see `ImagePairs.given`.

    Raises:
        CorruptShardError: It cannot be decoded.
    """
    source = _decoded(found, sample, recipe.source)
    if not recipe.mask:
        return source
    return without_painted(source, _decoded(found, sample, recipe.mask))


def without_painted(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the known part of a picture, with its mask as a fourth channel, [H, W, 4] uint8.

    Args:
        picture: The picture, [H, W, 3] uint8, or [H, W, 1].
        mask: Its mask, [H, W, 1] uint8, above 127 where it is to be painted.
    """
    painted = mask > HALF
    return np.concatenate(
        [np.where(painted, 0, np.broadcast_to(picture, (*mask.shape[:2], 3))), 255 * painted], 2
    ).astype(np.uint8)


def _check_mask(found: OpenSet, recipe: ImageRecipe) -> None:
    source, mask = found.spec(recipe.source), found.spec(recipe.mask)
    if not has_one_channel(mask) or mask["dtype"] != "uint8":
        raise ConfigError(f"{recipe.mask} of {found.url} must be a mask: one channel of 8 bits.")
    if mask["shape"][:2] != source["shape"][:2] or source["dtype"] != "uint8":
        raise ConfigError(
            f"{recipe.mask} of {found.url} must be as large as {recipe.source}, of 8 bits."
        )


def _decoded(found: OpenSet, sample: StoredSample, name: str) -> np.ndarray:
    layer = found.layer_of(name)
    assert layer is not None
    path = layout.shard_path(int(sample.key) // layer.plan.samples_per_shard)
    spec = layer.plan.members[name]
    try:
        image = decode_image(bytes(sample.members[name]), spec)
    except UnusableImageError as error:
        reason = f"has a {name} of sample {sample.key} that cannot be read ({error})"
        raise bad_shard(layer, path, reason) from None
    if [*image.shape, str(image.dtype)] != [*spec["shape"], spec["dtype"]]:
        reason = f"has a {name} of sample {sample.key} of another size or dtype than planned"
        raise bad_shard(layer, path, reason)
    return image
