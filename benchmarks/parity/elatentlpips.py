"""The augmentations of latents beside those of the authors' E-LatentLPIPS, on the same draws.

    git clone https://github.com/mingukkang/elatentlpips /somewhere
    python benchmarks/parity/elatentlpips.py /somewhere [--num 32]

Runs the checkout's own `AdaAugment` with each of its named sets on the CPU; the random numbers that
it asks for are those that pairgen drew. Torchvision, which the package imports for its network, is
a stub. Prints the root mean square of the difference of each latent, of numbers of unit variance,
for both centres of the resampling filter. Exits with 1 if with `filter_centre: published` the
median of a set with geometry exceeds 1e-5. Without a checkout it says so and ends.
"""

import argparse
import math
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pairgen.draws import Draws
from pairgen.errors import run_script
from pairgen.losses.latent_augmentation import (
    MAX_WHOLE_SHIFT,
    SCALE_STD,
    SHIFT_STD,
    STRETCH_STD,
    Augmentation,
    augment,
    draw_augmentation,
)

BOUND = 1e-5
SIZES = (16, 64)
CPU = torch.device("cpu")
PACKAGE = "elatentlpips"
GROUPS = {"b": "blit", "g": "geometry", "c": "colour", "o": "cutout"}
# Past the reach of their padding, which is one size, they show zeros.
FAR = 1e-4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, nargs="?")
    parser.add_argument("--num", type=int, default=32)
    options = parser.parse_args()
    if options.checkout is None or not (options.checkout / PACKAGE / "ada_aug.py").is_file():
        print(f"Skipped: needs a checkout of elatentlpips, with {PACKAGE}/ada_aug.py.")
        return
    theirs = load(options.checkout)
    print(f"{'set':6} {'size':>4}  {'centre':10} {'median':>8} {'largest':>8}  above {FAR:g}")
    worst = 0.0
    for size in SIZES:
        for name in theirs.ada_augpipe:
            centres = ("published", "unbiased") if "g" in name else ("published",)
            for centre, differences in compared(theirs, name, size, options.num, centres):
                median = float(differences.median())
                far = int((differences > FAR).sum())
                print(
                    f"{name:6} {size:4}  {centre:10} {median:8.1e} {differences.max():8.1e}  "
                    f"{far} of {options.num}"
                )
                if "g" in name and centre == "published":
                    worst = max(worst, median)
    if worst > BOUND:
        raise SystemExit(f"A median exceeds {BOUND:g}.")


def load(checkout: Path) -> Any:
    """Return the checkout's module of the distance, without the modules that it does not need."""
    stubs = {name: types.ModuleType(name) for name in ("torchvision", "pkg_resources")}
    stubs["torchvision"].models = None  # type: ignore[attr-defined]
    # What it asks about versions of torch concerns GPUs.
    stubs["pkg_resources"].parse_version = len  # type: ignore[attr-defined]
    with mock.patch.dict(sys.modules, stubs), mock.patch.object(sys, "path", [str(checkout)]):
        sys.path += [each for each in _path if each != str(Path(__file__).parent)]
        import elatentlpips.elatentlpips as module
    return module


_path = [*sys.path]


def compared(
    theirs: Any, name: str, size: int, num: int, centres: tuple[str, ...]
) -> Iterator[tuple[str, Tensor]]:
    """Yield each centre with the root mean square of the difference of each latent, [num]."""
    x, y = torch.randn(2, num, 4, size, size, generator=torch.Generator().manual_seed(size))
    drawn = draw_augmentation(Draws(size, 0, 0, num, num, CPU), [GROUPS[letter] for letter in name])
    module = theirs.AdaAugment(**theirs.ada_augpipe[name])
    uniform, normal = iter(uniform_numbers(drawn)), iter(normal_numbers(drawn))
    given = {"rand": uniform, "randn": normal}
    with mock.patch.multiple(torch, **{each: giving(numbers) for each, numbers in given.items()}):
        found = module(x, y)
    for numbers in (uniform, normal):
        assert next(numbers, None) is None, "the package drew less than expected"
    for centre in centres:
        errors = [
            (augment(each, drawn, centre) - their).square().mean((1, 2, 3)).sqrt()
            for each, their in zip((x, y), found, strict=True)
        ]
        yield centre, torch.maximum(*errors)


def giving(numbers: Iterator[Tensor]) -> Callable[..., Tensor]:
    """Return a function that gives the next numbers, whatever it is asked for."""

    def give(*shape: Any, **options: Any) -> Tensor:
        del shape, options
        return next(numbers)

    return give


def uniform_numbers(drawn: Augmentation) -> Iterator[Tensor]:
    """Yield what `torch.rand` must return to the package, in the order in which it asks.

    After most numbers it draws whether to apply the transform, here always: 0.
    """
    if drawn.blit is not None:
        for number, num in ((drawn.blit.mirrored, 2), (drawn.blit.num_turns, 4)):
            always = torch.zeros(len(number))
            yield from ((number + 0.5) / num, always)
        yield (drawn.blit.shift / MAX_WHOLE_SHIFT + 1) / 2
        yield always[:, None]
    if (geometry := drawn.geometry) is not None:
        always = torch.zeros(len(geometry.scale))
        yield always
        yield from ((geometry.turn / math.pi + 1) / 2, always)
        yield always
        yield from ((geometry.second_turn / math.pi + 1) / 2, always)
        yield always[:, None]
    if (colour := drawn.colour) is not None:
        for number in (colour.brightness + 0.5, colour.contrast - 0.5, colour.saturation / 2):
            yield number[:, None, None, None]
    if drawn.cutout is not None:
        yield torch.zeros(len(drawn.cutout), 1, 1, 1, 1)
        yield drawn.cutout[:, :, None, None, None]


def normal_numbers(drawn: Augmentation) -> Iterator[Tensor]:
    """Yield what `torch.randn` must return to the package."""
    if (geometry := drawn.geometry) is not None:
        yield geometry.scale.log2() / SCALE_STD
        yield geometry.stretch.log2() / STRETCH_STD
        yield geometry.shift / SHIFT_STD


if __name__ == "__main__":
    run_script(main)
