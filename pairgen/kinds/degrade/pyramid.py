"""Presets of degradations, and the levels of a pyramid rendered from one draw.

A preset has two chains. `shared` runs once, at the size of HR. `levels` runs once for every 1/N,
always from the same recorded numbers: sizes follow the level, and each level has noise fields of
its own. So a level does not depend on which others are rendered beside it.

`render` takes one image on the CPU, `render_batch` many on a device. From one draw they give the
same to rounding in float32. Where a value then falls to the other of two levels, a coefficient of a
codec or the peak of the Poisson counts may follow it: of 288 pictures of 16 to 64 px
rendered with each preset at most 4 % differed by more than one level of 8 bits (by up to 14), and
less than 1 % of all pixels differed at all.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.config import check_keys, did_you_mean, packaged_configs, read_yaml
from pairgen.degradations.base import Batch, Draw, Target, from_levels, to_levels
from pairgen.degradations.chain import Chain
from pairgen.errors import ConfigError

KEYS = ("shared", "levels")


@dataclass(frozen=True)
class Preset:
    """What happens to an image.

    Attributes:
        name: Of the preset, or of the user's file.
        recipe: As written, for the plan.
        shared: Once a sample.
        levels: Once a level; it ends at the level's size.
    """

    name: str
    recipe: Mapping[str, Any]
    shared: Chain
    levels: Chain

    def draw(self, generator: np.random.Generator) -> Draw:
        """Make every random choice of a sample."""
        return {"shared": self.shared.draw(generator), "levels": self.levels.draw(generator)}

    def draw_every(self) -> Draw:
        """Return a draw that holds everything that any draw may hold."""
        generator = np.random.default_rng(0)
        return {key: getattr(self, key).draw_every(generator) for key in KEYS}


def check_preset(preset: Preset, crop: int, levels: Sequence[int]) -> None:
    """Try a preset on a black image of the size of the crops, before any work.

    Raises:
        ConfigError: It does not end at the size of a level.
    """
    black = np.zeros((crop, crop, 3), np.uint8)
    render(preset, black, preset.draw(np.random.default_rng(0)), levels)


def preset_names() -> list[str]:
    """Return the names of the packaged presets."""
    return sorted(path.stem for path in (packaged_configs() / "degradations").glob("*.yaml"))


def find_preset(preset: str) -> Preset:
    """Read a preset: a YAML file, or a name looked up in ./configs, then in the package.

    Raises:
        ConfigError: There is none, or it is wrong; the message names the file.
    """
    if (file := _preset_file(preset)) is not None:
        return read_preset(file)
    known = preset_names()
    raise ConfigError(
        f"There is no degradation preset {preset!r}{did_you_mean(preset, known)}: "
        f"give one of {', '.join(known)}, or a .yaml file."
    )


def _preset_file(preset: str) -> Path | None:
    """Return the file that `--degradation` means; None when there is none of that name."""
    if preset.endswith((".yaml", ".yml")):
        return Path(preset).expanduser()
    folders = (Path("configs/degradations"), packaged_configs() / "degradations")
    files = (folder / f"{preset}.yaml" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def read_preset(path: Path) -> Preset:
    """Read one file.

    Raises:
        ConfigError: It cannot be read, or an operation in it cannot be built.
    """
    recipe = read_yaml(path)
    check_keys(recipe, KEYS, str(path))
    try:
        preset = make_preset(path.stem, recipe)
    except ConfigError as error:
        raise type(error)(f"The preset {path} is wrong: {error}") from None
    if not preset.levels.operations:
        raise ConfigError(f"The preset {path} needs operations under `levels`.")
    return preset


def make_preset(name: str, recipe: Mapping[str, Any]) -> Preset:
    """Build a preset from what a file or a plan holds.

    Raises:
        ConfigError: An operation cannot be built.
    """
    chains = {key: Chain(operations=recipe.get(key) or ()) for key in KEYS}
    return Preset(name=name, recipe=recipe, **chains)


def render(
    preset: Preset, image: NDArray[np.uint8], draw: Draw, levels: Sequence[int]
) -> dict[int, NDArray[np.uint8]]:
    """Return LR at 1/N for each N of `levels`, [H / N, W / N, 3] uint8.

    Args:
        preset: As drawn from.
        image: HR, [H, W, 3]; H and W are multiples of every level.
        draw: Of this sample.
        levels: In any order.

    Raises:
        ConfigError: A size is no multiple of a level, or the preset does not end at its size.
    """
    first = preset.shared.apply(from_levels(image), draw["shared"], _target(image, 1))
    rendered = {}
    for level in levels:
        target = _target(image, level)
        found = preset.levels.apply(first, draw["levels"], target)
        _check_end(preset, (found.shape[0], found.shape[1]), target)
        rendered[level] = to_levels(found)
    return rendered


def render_batch(
    preset: Preset,
    images: Sequence[NDArray[np.uint8]],
    draws: Sequence[Draw],
    levels: Sequence[int],
    device: torch.device,
) -> list[dict[int, NDArray[np.uint8]]]:
    """Return LR of each image, as `render` does, computed on `device`.

    The pixels of an image do not depend on those beside it: nothing sums over images, and every
    sum of products has an order of its own. That the convolution keeps it is how torch 2.13 does it
    on the CPU; torch promises no such thing.

    Args:
        preset: As drawn from.
        images: HR, each [H, W, 3]; H and W are multiples of every level.
        draws: One an image.
        levels: In any order.
        device: Codecs and random numbers stay on the CPU, in as many threads as torch has.

    Raises:
        ConfigError: A size is no multiple of a level, or the preset does not end at its size.
        torch.OutOfMemoryError: The batch does not fit on the device.
    """
    rendered: list[dict[int, NDArray[np.uint8]]] = [{} for _ in images]
    with torch.inference_mode(), _full_float32():
        targets = [_target(image, 1) for image in images]
        batch = Batch.from_levels(images, device)
        first = preset.shared.apply_batch(batch, [draw["shared"] for draw in draws], targets)
        for level in levels:
            targets = [_target(image, level) for image in images]
            drawn = [draw["levels"] for draw in draws]
            found = preset.levels.apply_batch(first, drawn, targets)
            for size, target in zip(found.sizes, targets, strict=True):
                _check_end(preset, size, target)
            for pictures, picture in zip(rendered, found.levels(), strict=True):
                pictures[level] = picture
    return rendered


def _full_float32() -> AbstractContextManager[None]:
    """Keep cuDNN from rounding to 10 bits (TF32) and from choosing kernels by timing them."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags


def _target(image: NDArray[np.uint8], level: int) -> Target:
    """Return where the chain of a level leads."""
    height, width = image.shape[:2]
    if height % level or width % level:
        raise ConfigError(f"An image of {width} x {height} px has no level 1/{level}.")
    return Target(level, (height // level, width // level))


def _check_end(preset: Preset, size: tuple[int, int], target: Target) -> None:
    if size != target.size:
        raise ConfigError(
            f"The preset {preset.name} ends at {size[1]} x {size[0]} px, not at "
            f"{target.size[1]} x {target.size[0]}: end `levels` with resize_to_target."
        )
