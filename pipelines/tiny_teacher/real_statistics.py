"""Statistics of real pictures of given captions, for `pairgen eval --real-statistics`.

    python pipelines/tiny_teacher/real_statistics.py

Paints `--num` pictures of the captions, each as often as the others, and for every count of
`--floors` as many again, whose Frechet distance is what a perfect model would have.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from batches import paint_all

from pairgen.evaluation.frechet import statistics
from pairgen.evaluation.judge import Judge, load_judge
from pairgen.evaluation.real_pictures import RealPictures, save_real_pictures
from pairgen.sources.painted.compositions import Composition, all_compositions

BLOCK = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captions", type=Path, default=Path("configs/prompts/tiny.txt"))
    parser.add_argument(
        "--out", type=Path, default=Path("pairgen/assets/judge/tiny_prompts.safetensors")
    )
    parser.add_argument("--num", type=int, default=10_240)
    parser.add_argument("--floors", type=int, nargs="+", default=[128, 256, 512, 1024, 2048])
    parser.add_argument("--seed", type=int, default=7011)
    options = parser.parse_args()
    known = {each.caption: each for each in all_compositions()}
    shown = [known[line] for line in options.captions.read_text(encoding="utf-8").splitlines()]
    judge = load_judge()

    def features(num: int, part: int) -> np.ndarray:
        compositions = [shown[place % len(shown)] for place in range(num)]
        generator = np.random.Generator(np.random.Philox(key=[options.seed, part]))
        return painted_features(judge, compositions, generator)

    real = RealPictures(statistics=statistics(features(options.num, 0)), floors={})
    floors = {num: real.distance(features(num, part)) for part, num in enumerate(options.floors, 1)}
    save_real_pictures(options.out, RealPictures(statistics=real.statistics, floors=floors))
    print(f"{options.out}: {real.statistics.count:,} pictures of {len(shown)} captions")
    for num, floor in floors.items():
        print(f"{num:6,} other real pictures: Frechet distance {floor:.3f}")


def painted_features(
    judge: Judge, compositions: list[Composition], generator: np.random.Generator
) -> np.ndarray:
    """Return the features of freshly painted pictures, rounded to 8 bits as sampled ones are."""
    parts = []
    for first in range(0, len(compositions), BLOCK):
        pictures = paint_all(compositions[first : first + BLOCK], generator)
        levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round()
        parts.append(judge.features(levels / 127.5 - 1))
    return np.concatenate(parts)


if __name__ == "__main__":
    torch.set_flush_denormal(True)
    main()
