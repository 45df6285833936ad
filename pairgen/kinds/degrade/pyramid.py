"""Presets of degradations, and the levels of a pyramid rendered from one draw.

A preset has two chains. `shared` runs once, at the size of HR. `levels` runs once for every 1/N,
always from the same recorded numbers: sizes follow the level, and each level has its own noise
fields. So a level does not depend on which other levels are rendered.

A preset of nested levels has a third chain, `nested`. `levels` then makes only the largest picture,
and `nested` makes each further one from the 8-bit picture of twice its size: HR -> 2/N -> 1/N is a
Markov chain.

`render` takes one image on the CPU, `render_batch` many images on a device. From the same draw they
agree up to float32 rounding. Where rounding moves a value to the next 8-bit level, a codec
coefficient or the peak of the Poisson counts may follow: of 288 images of 10 to 64 px rendered with
each preset (96 draws at three levels of generated pictures), 10 to 26 differed by more than one
8-bit level (by up to 16; `bicubic`: none). Other draws and pictures give other numbers.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen import plugins
from pairgen.config import check_keys, did_you_mean, packaged_configs, read_yaml
from pairgen.degradations.base import Batch, Draw, Target, from_levels, to_levels
from pairgen.degradations.chain import Chain
from pairgen.errors import ConfigError
from pairgen.kinds.degrade.nested import NESTED, check_doubling
from pairgen.sources.photographs import ImageSize

KEYS = ("shared", "levels", NESTED)


@dataclass(frozen=True)
class Preset:
    """The operations that degrade an image.

    Attributes:
        name: Name of the preset, or of the user's file.
        recipe: The operations as written, for the plan.
        shared: The chain that runs once per sample.
        levels: The chain that runs once per level and ends at the level's size.
        nested: The chain that makes a level from the one of twice its size, once per further level;
            None if `levels` makes all of them.
    """

    name: str
    recipe: Mapping[str, Any]
    shared: Chain
    levels: Chain
    nested: Chain | None = None

    def draw(self, generator: np.random.Generator) -> Draw:
        """Make every random choice of a sample; those of `nested` come last."""
        return {name: chain.draw(generator) for name, chain in self.chains().items()}

    def draw_every(self) -> Draw:
        """Return a draw that contains everything that any draw may contain."""
        generator = np.random.default_rng(0)
        return {name: chain.draw_every(generator) for name, chain in self.chains().items()}

    def chains(self) -> dict[str, Chain]:
        """Return the chains by name, in the order in which they draw."""
        nested = {} if self.nested is None else {NESTED: self.nested}
        return {"shared": self.shared, "levels": self.levels, **nested}


def check_preset(preset: Preset, size: ImageSize, levels: Sequence[int]) -> None:
    """Try a preset on a black image of the size of HR, before any work.

    Raises:
        ConfigError: The size is not a multiple of a level, or the preset does not end at the
            level's size.
    """
    black = np.zeros((size.height, size.width, 3), np.uint8)
    render(preset, black, preset.draw(np.random.default_rng(0)), levels)


def preset_names() -> list[str]:
    """Return the names of the packaged presets."""
    return sorted(path.stem for path in (packaged_configs() / "degradations").glob("*.yaml"))


def find_preset(preset: str) -> Preset:
    """Read a preset: a YAML file, or a name looked up in ./configs, then in the package.

    Raises:
        ConfigError: There is no such preset, or it is invalid; the message names the file.
    """
    if (file := _preset_file(preset)) is not None:
        return read_preset(file)
    known = preset_names()
    raise ConfigError(
        f"There is no degradation preset {preset!r}{did_you_mean(preset, known)}: "
        f"give one of {', '.join(known)}, or a .yaml file."
    )


def _preset_file(preset: str) -> Path | None:
    """Return the file of a preset; None if there is no preset of that name."""
    if preset.endswith((".yaml", ".yml")):
        return Path(preset).expanduser()
    folders = (Path("configs/degradations"), packaged_configs() / "degradations")
    files = (folder / f"{preset}.yaml" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def read_preset(path: Path) -> Preset:
    """Read a preset from a file.

    Raises:
        ConfigError: The file cannot be read, or an operation in it cannot be built.
    """
    recipe = read_yaml(path)
    check_keys(recipe, KEYS, str(path))
    try:
        preset = make_preset(path.stem, _by_name(recipe))
    except ConfigError as error:
        raise type(error)(f"The preset {path} is wrong: {error}") from None
    if not preset.levels.operations:
        raise ConfigError(f"The preset {path} needs operations under `levels`.")
    if NESTED in recipe and preset.nested is None:
        raise ConfigError(f"The preset {path} needs operations under `nested`, or no such section.")
    return preset


def _by_name(recipe: Any) -> Any:
    """Return operations by their names, where some are given by their files.

    Raises:
        ConfigError: Such a file cannot be imported by its name.
    """
    if isinstance(recipe, str):
        return plugins.module_name("degradations", recipe)
    if isinstance(recipe, Mapping):
        return {_by_name(key): _by_name(value) for key, value in recipe.items()}
    return [_by_name(each) for each in recipe] if isinstance(recipe, list) else recipe


def make_preset(name: str, recipe: Mapping[str, Any]) -> Preset:
    """Build a preset from the content of a file or a plan.

    Raises:
        ConfigError: An operation cannot be built.
    """
    chains = {key: Chain(operations=recipe.get(key) or ()) for key in KEYS}
    if not chains[NESTED].operations:
        del chains[NESTED]
    return Preset(name=name, recipe=recipe, **chains)


def render(
    preset: Preset, image: NDArray[np.uint8], draw: Draw, levels: Sequence[int]
) -> dict[int, NDArray[np.uint8]]:
    """Render LR at 1/N for each N of `levels`, [H / N, W / N, 3] uint8.

    Args:
        preset: The preset that `draw` was drawn from.
        image: HR, [H, W, 3]; H and W are multiples of every level.
        draw: The draw of this sample.
        levels: The levels, in any order; of nested ones all that are stored.

    Raises:
        ConfigError: The image size is not a multiple of a level, the preset does not end at the
            level's size, or nested levels do not double.
    """
    first = preset.shared.apply(from_levels(image), draw["shared"], _target(image, 1))
    rendered: dict[int, NDArray[np.uint8]] = {}
    for level, name in _ways(preset, levels):
        start = from_levels(rendered[level // 2]) if name == NESTED else first
        target = _target(image, level, name)
        found = preset.chains()[name].apply(start, draw[name], target)
        _check_end(preset, name, (found.shape[0], found.shape[1]), target)
        rendered[level] = to_levels(found)
    return rendered


def render_batch(
    preset: Preset,
    images: Sequence[NDArray[np.uint8]],
    draws: Sequence[Draw],
    levels: Sequence[int],
    device: torch.device,
) -> list[dict[int, NDArray[np.uint8]]]:
    """Render LR of each image, as `render` does, on `device`.

    The pixels of an image do not depend on the other images of the batch: nothing sums over images,
    and every sum of products has a fixed order. Convolutions keep that order in torch 2.13 on the
    CPU; torch does not guarantee it.

    Args:
        preset: The preset that `draws` were drawn from.
        images: HR, each [H, W, 3]; H and W are multiples of every level.
        draws: One draw per image.
        levels: The levels, in any order; of nested ones all that are stored.
        device: Device to compute on. Codecs and random numbers stay on the CPU, in as many threads
            as torch has.

    Raises:
        ConfigError: An image size is not a multiple of a level, the preset does not end at the
            level's size, or nested levels do not double.
        torch.OutOfMemoryError: The batch does not fit on the device.
    """
    rendered: list[dict[int, NDArray[np.uint8]]] = [{} for _ in images]
    with torch.inference_mode(), _full_float32():
        targets = [_target(image, 1) for image in images]
        batch = Batch.from_levels(images, device)
        first = preset.shared.apply_batch(batch, [draw["shared"] for draw in draws], targets)
        for level, name in _ways(preset, levels):
            start = first
            if name == NESTED:
                start = Batch.from_levels([each[level // 2] for each in rendered], device)
            targets = [_target(image, level, name) for image in images]
            drawn = [draw[name] for draw in draws]
            found = preset.chains()[name].apply_batch(start, drawn, targets)
            for size, target in zip(found.sizes, targets, strict=True):
                _check_end(preset, name, size, target)
            for pictures, picture in zip(rendered, found.levels(), strict=True):
                pictures[level] = picture
    return rendered


def _full_float32() -> AbstractContextManager[None]:
    """Keep cuDNN from rounding to 10 bits (TF32) and from benchmarking its kernels."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )
    return flags


def _ways(preset: Preset, levels: Sequence[int]) -> list[tuple[int, str]]:
    """Return the levels in the order of their rendering, each with the chain that makes it.

    Raises:
        ConfigError: The levels are nested and do not double.
    """
    if preset.nested is None:
        return [(level, "levels") for level in levels]
    check_doubling(levels)
    first, *further = sorted(levels)
    return [(first, "levels"), *((level, NESTED) for level in further)]


def _target(image: NDArray[np.uint8], level: int, name: str = "levels") -> Target:
    """Return the target of a level's chain."""
    height, width = image.shape[:2]
    if height % level or width % level:
        raise ConfigError(f"An image of {width} x {height} px has no level 1/{level}.")
    # What a nested level is made from has twice its size, and so a scale of 2 to go.
    num_halvings = level.bit_length() - 2 if name == NESTED else 0
    return Target(level, (height // level, width // level), num_halvings)


def _check_end(preset: Preset, name: str, size: tuple[int, int], target: Target) -> None:
    if size != target.size:
        raise ConfigError(
            f"The preset {preset.name} ends at {size[1]} x {size[0]} px, not at "
            f"{target.size[1]} x {target.size[0]}: end `{name}` with resize_to_target."
        )
