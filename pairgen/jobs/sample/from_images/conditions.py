"""The pictures that images are made from: of files, or a member of a dataset, with their prompts.

A picture is used as it is: at its own size, gray or RGB, 8 bits, or 16 if it is gray. What a
dataset holds for a student is what the student was trained on; a file is decoded as
`pairgen.sources.photographs` says. A model that paints sees 8 bits of RGB and a mask.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pairgen.errors import ConfigError, StoreError
from pairgen.image_recipe import ImageRecipe
from pairgen.jobs.sample.from_images.masks import Masks
from pairgen.jobs.sample.from_images.prompts import Prompts
from pairgen.kinds.image_pairs import check_given, given_members, read_given, without_painted
from pairgen.option_names import option_text
from pairgen.shards.format import layout
from pairgen.shards.loading.first_samples import first_samples
from pairgen.shards.loading.training_set import TrainingSet, open_set
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_files import find_images, without_repeats
from pairgen.sources.photographs import UnusableImageError, decode_as_stored, decode_rgb
from pairgen.sources.texts.captions import check_caption


@dataclass(frozen=True)
class Condition:
    """A picture to make images from.

    Attributes:
        name: Its recorded name.
        picture: As `pairgen.kinds.image_student.as_input` takes it, [h, w, C].
        prompt: Its prompt.
    """

    name: str
    picture: np.ndarray
    prompt: str


@dataclass(frozen=True)
class Conditions:
    """Pictures of one size.

    Attributes:
        given: The pictures, at least one.
        refused: The others, each with its reason.
        masks_left: Names of masks that belong to none of the files.
    """

    given: Sequence[Condition]
    refused: Sequence[str]
    masks_left: Sequence[str]

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width of a picture."""
        height, width = self.given[0].picture.shape[:2]
        return height, width


def count_conditions(values: Sequence[str]) -> int:
    """Return how many pictures the values name, usable or not.

    Raises:
        ConfigError: One of them matches nothing, or cannot be read.
    """
    num = sum(sum(open_set(TrainingSet(each), None, False).counts) for each in _sets(values))
    return num + sum(1 for _ in _files(values))


def read_conditions(
    values: Sequence[str],
    recipe: ImageRecipe,
    prompts: Prompts,
    masks: Masks,
    limit: int,
    factor: int,
) -> Conditions:
    """Read pictures.

    Args:
        values: Folders, globs, files, lists, archives and datasets; the latter come first.
        recipe: What the model does.
        prompts: Their prompts.
        masks: The masks of the files.
        limit: Number of pictures to keep; 0 for all.
        factor: What height and width of the enlarged picture must be multiples of.

    Raises:
        ConfigError: No picture can be used, two differ in size, a mask does not fit, or a dataset
            lacks a member.
        CorruptShardError: A shard of a dataset is damaged.
    """
    given: list[Condition] = []
    refused: list[str] = []
    for found in _found(values, recipe, prompts, masks):
        reason = found if isinstance(found, str) else _misfit(found, recipe.scale, factor)
        if reason or isinstance(found, str):
            refused.append(reason)
            continue
        given.append(found)
        _check_alike(given[0], found)
        if len(given) == limit:
            break
    if not given:
        raise ConfigError(
            f"No condition can be used: {len(refused):,} refused; the first was {refused[0]}."
        )
    return Conditions(given, refused, masks.left())


def _found(
    values: Sequence[str], recipe: ImageRecipe, prompts: Prompts, masks: Masks
) -> Iterator[Condition | str]:
    """Yield every picture, or why it cannot be used."""
    for value in _sets(values):
        yield from _of_set(value, recipe, prompts)
    for file in prompts.apply(_files(values)):
        try:
            yield _of_file(file, recipe, prompts, masks)
        except UnusableImageError as error:
            yield f"{file.name}: {error}"
        except StoreError:
            # It tells nothing about the picture.
            raise
        except OSError as error:
            yield f"{file.name}: {error.strerror or error}"


def _of_file(file: ImageFile, recipe: ImageRecipe, prompts: Prompts, masks: Masks) -> Condition:
    if prompts.has_own:
        check_caption(file)
    data = file.read()
    picture: np.ndarray = decode_rgb(data) if recipe.mask else decode_as_stored(data)
    if recipe.mask:
        height, width = picture.shape[:2]
        picture = without_painted(picture, masks.of(file, (height, width)))
    return Condition(file.name, _writable(picture), prompts.of(file))


def _of_set(url: str, recipe: ImageRecipe, prompts: Prompts) -> Iterator[Condition]:
    """Yield what the samples of a dataset or its annotations hold for the model."""
    if prompts.table is not None:
        raise ConfigError(
            f"{option_text('prompts')} must be one text for the conditions of a dataset, {url}, "
            f"got the table {prompts.table.path}."
        )
    texts = (recipe.prompts,) if recipe.prompts and prompts.text is None else ()
    members = (*given_members(recipe), *texts)
    found = open_set(TrainingSet(url), None, skip_bad=False, wanted=members)
    check_given(found, recipe)
    for name in texts:
        found.spec(name)
    for sample in first_samples(found, sum(found.counts), members):
        prompt = sample.decode(texts[0]) if texts else prompts.usual
        picture = read_given(found, sample, recipe)
        yield Condition(f"{sample.key}.{recipe.source}", _writable(picture), prompt)


def _writable(picture: np.ndarray) -> np.ndarray:
    """Return a copy, since torch takes no arrays that are only read."""
    return np.array(picture)


def _sets(values: Sequence[str]) -> list[str]:
    return [each for each in values if is_set(each)]


def _files(values: Sequence[str]) -> Iterator[ImageFile]:
    return without_repeats(find_images([each for each in values if not is_set(each)]))


def is_set(value: str) -> bool:
    """Whether a value names a dataset instead of pictures: a folder with a plan, or a URL."""
    return "://" in value or os.path.isfile(os.path.join(os.path.expanduser(value), layout.PLAN))


def _misfit(condition: Condition, scale: int, factor: int) -> str:
    """Return why a picture of this size cannot be used; empty if it can."""
    height, width = (scale * side for side in condition.picture.shape[:2])
    if height % factor == width % factor == 0:
        return ""
    times = f", enlarged {scale} times" if scale > 1 else ""
    return (
        f"{condition.name}: {width} x {height} px{times}, but both must be multiples of {factor}: "
        "crop or resize it"
    )


def _check_alike(first: Condition, other: Condition) -> None:
    (height, width), (rows, columns) = (each.picture.shape[:2] for each in (first, other))
    if (height, width) != (rows, columns):
        raise ConfigError(
            f"Conditions of one call must have one size: {first.name} has {width} x {height} px, "
            f"{other.name} {columns} x {rows}. Give those of another size in a call of their own."
        )
