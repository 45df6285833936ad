"""LR of pairgen beside that of Real-ESRGAN's own `feed_data`, from the same recorded draws.

    git clone https://github.com/xinntao/Real-ESRGAN /somewhere
    python benchmarks/parity/real_esrgan.py /somewhere [--num 200] [--crop 96]

Crops of the packaged photographs at 1/4. The checkout's `feed_data` runs as it is, on the CPU, with
BasicSR's filters from the archive that `make env` fetches; what it draws, its noise fields and its
JPEG (the real codec in place of DiffJPEG) are pairgen's. For each image that differs by more than
one 8-bit level, the step is sought whose input, exchanged for pairgen's, removes the difference.
The same code also runs in float64, for what its float32 alone does. Exits with 1 if fewer than 95 %
agree to one level. Nothing of the checkout is installed; without one the script says so and ends.
"""

import argparse
import json
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pairgen.config import packaged_assets
from pairgen.degradations.base import Draw
from pairgen.degradations.gaussian_noise import GaussianNoise
from pairgen.degradations.jpeg import Jpeg
from pairgen.degradations.poisson_noise import PoissonNoise
from pairgen.kinds.degrade.pyramid import Preset, find_preset, render
from pairgen.sources.photographs import decode_rgb
from tests.degradations.feed_data import load_model, render_published

LEVEL, SHARE = 4, 0.95
MODEL = "realesrgan/models/realesrgan_model.py"
ROUNDING = {"gaussian_noise": GaussianNoise, "poisson_noise": PoissonNoise, "jpeg": Jpeg}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path, nargs="?")
    parser.add_argument("--num", type=int, default=200)
    parser.add_argument("--crop", type=int, default=96)
    parser.add_argument("--preset", default="realesrgan")
    options = parser.parse_args()
    if options.checkout is None or not (options.checkout / MODEL).is_file():
        print(f"Skipped: needs a checkout of Real-ESRGAN, with {MODEL}.")
        return
    torch.set_num_threads(1)
    model = load_model((options.checkout / MODEL).read_text(encoding="utf-8"))
    preset = find_preset(options.preset)
    found: list[np.ndarray] = []
    rounded: list[np.ndarray] = []
    exact: list[np.ndarray] = []
    for number, image in enumerate(crops(options.num, options.crop)):
        draw = json.loads(json.dumps(preset.draw(np.random.default_rng([7, number]))))
        ours = render(preset, image, draw, (LEVEL,))[LEVEL]
        theirs = render_published(model, image, draw, LEVEL)
        found.append(np.abs(ours - theirs))
        double = render_published(model, image, draw, LEVEL, dtype=torch.float64)
        rounded.append(np.abs(double - theirs))
        exact.append(np.abs(ours - double))
        if found[-1].max() > 1:
            why = cause(model, preset, image, draw)
            print(f"{number}: {found[-1].max():.0f} levels; {why}", flush=True)
    print(summary(f"{options.preset}, feed_data", found))
    print(summary("feed_data in float64, feed_data", rounded))
    print(summary(f"{options.preset}, feed_data in float64", exact))
    if num_near(found) < SHARE * options.num:
        raise SystemExit(f"Fewer than {SHARE:.0%} agree to one level.")


def num_near(differences: list[np.ndarray]) -> int:
    """Return how many images differ by at most one level."""
    return sum(bool(each.max() <= 1) for each in differences)


def summary(name: str, differences: list[np.ndarray]) -> str:
    """Return a line about the differences of two renderings, in levels."""
    return (
        f"{name}: {num_near(differences)} of {len(differences)} to one level, "
        f"{sum(not each.any() for each in differences)} equal; largest "
        f"{max(each.max() for each in differences):.0f} levels, mean "
        f"{np.mean([each.mean() for each in differences]):.4f}"
    )


def crops(num: int, size: int) -> Iterator[np.ndarray]:
    """Yield crops [size, size, 3] uint8 of the packaged photographs, in turn."""
    files = sorted((packaged_assets() / "photographs").glob("*.jpg"))
    photographs = [decode_rgb(file.read_bytes()) for file in files]
    generator = np.random.default_rng(7)
    for number in range(num):
        image = photographs[number % len(photographs)]
        top, left = (int(generator.integers(length - size + 1)) for length in image.shape[:2])
        yield np.ascontiguousarray(image[top : top + size, left : left + size])


def cause(model: types.ModuleType, preset: Preset, image: np.ndarray, draw: Draw) -> str:
    """Return the first step whose exchanged input leaves no difference above one level."""
    ours = inputs_of(preset, image, draw)
    final = render(preset, image, draw, (LEVEL,))[LEVEL]
    theirs: list[tuple[str, torch.Tensor]] = []

    def record(step: str, x: torch.Tensor) -> torch.Tensor:
        theirs.append((step, x))
        return x

    render_published(model, image, draw, LEVEL, see=record)
    for place, ((step, x), mine) in enumerate(zip(theirs, ours, strict=True)):
        found = render_published(model, image, draw, LEVEL, see=exchange(place, mine))
        if np.abs(final - found).max() <= 1:
            away = (x - mine).abs().max()
            rounded = [(each.clamp(0, 1) * 255).round() for each in (x, mine)]
            num = int((rounded[0] != rounded[1]).sum())
            return (
                f"input of step {place} ({step}): {away:.1e} apart, {num} of {x.numel():,} values "
                "round to another level"
            )
    return "no input of a step that rounds: the difference comes after the last of them"


def exchange(place: int, mine: torch.Tensor) -> Callable[[str, torch.Tensor], torch.Tensor]:
    """Return what gives pairgen's input to one of the steps."""
    num_seen = 0

    def give(step: str, x: torch.Tensor) -> torch.Tensor:
        nonlocal num_seen
        del step
        num_seen += 1
        return mine if num_seen == place + 1 else x

    return give


def inputs_of(preset: Preset, image: np.ndarray, draw: Draw) -> list[torch.Tensor]:
    """Return the inputs [1, 3, H, W] of the steps that round, as pairgen has them."""
    seen: list[torch.Tensor] = []

    def watched(apply: Callable[..., Any]) -> Callable[..., Any]:
        def run(self: Any, picture: np.ndarray, drawn: Draw, target: Any) -> np.ndarray:
            seen.append(torch.from_numpy(picture.copy()).permute(2, 0, 1)[None])
            return apply(self, picture, drawn, target)

        return run

    with ExitStack() as stack:
        for kind in ROUNDING.values():
            stack.enter_context(mock.patch.object(kind, "apply", watched(kind.apply)))
        render(preset, image, draw, (LEVEL,))
    return seen


if __name__ == "__main__":
    main()
