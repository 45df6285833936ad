"""Statistics of real images in a file, to measure a teacher and its students against.

The file, safetensors: `mean` [D], `cov` [D, D] and `count` [] of the judge's features, float64 and
int64; `judge_version` []; `floor_counts` [K] and `floor` [K], the Frechet distance of that many
other real images. A perfect model scores no lower: a Frechet distance of N images is too large by
an amount of order 1 / N.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from pairgen.config import local_path
from pairgen.errors import ConfigError
from pairgen.evaluation.frechet import Statistics, frechet_distance, statistics
from pairgen.evaluation.judge import JUDGE_VERSION
from pairgen.evaluation.picture_text_net import DIMENSION


@dataclass(frozen=True, kw_only=True)
class RealPictures:
    """Statistics of real images.

    Attributes:
        statistics: Statistics of the judge's features.
        floors: Number of images to the Frechet distance of as many other real images.
    """

    statistics: Statistics
    floors: Mapping[int, float]

    def distance(self, features: NDArray[np.float32]) -> float:
        """Return the Frechet distance of images' features [N, D].

        Raises:
            ConfigError: N < D + 1, or D differs.
        """
        found, real = statistics(features), self.statistics
        return frechet_distance(found.mean, found.cov, real.mean, real.cov)

    def floor(self, count: int) -> float | None:
        """Return the distance of `count` other real images; None if it was not measured."""
        return self.floors.get(count)


def save_real_pictures(path: Path, real: RealPictures) -> None:
    """Write the statistics."""
    save_file(
        {
            "mean": real.statistics.mean,
            "cov": real.statistics.cov,
            "count": np.array(real.statistics.count),
            "judge_version": np.array(JUDGE_VERSION),
            "floor_counts": np.array(list(real.floors), np.int64),
            "floor": np.array(list(real.floors.values()), np.float64),
        },
        path,
    )


def load_real_pictures(location: str) -> RealPictures:
    """Read the statistics from a file, or from the package, as `package:assets/...`.

    Raises:
        ConfigError: There is no such file, or it holds something else.
    """
    path = local_path(location)
    if not path.is_file():
        raise ConfigError(f"There are no statistics of real images {location!r}.")
    try:
        arrays = load_file(path)
        found = Statistics(mean=arrays["mean"], cov=arrays["cov"], count=int(arrays["count"]))
        counts, distances = arrays["floor_counts"].tolist(), arrays["floor"].tolist()
        floors = dict(zip(counts, distances, strict=True))
        judge_version = int(arrays["judge_version"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} holds no statistics of real images: {error!r}.") from None
    if found.mean.ndim != 1 or found.cov.shape != 2 * found.mean.shape:
        raise ConfigError(
            f"mean and cov in {path} must be [D] and [D, D], got {list(found.mean.shape)} and "
            f"{list(found.cov.shape)}."
        )
    if judge_version != JUDGE_VERSION:
        raise ConfigError(
            f"{path} is for version {judge_version} of the evaluation net, this is {JUDGE_VERSION}."
        )
    if found.mean.shape != (DIMENSION,) or not all(
        np.isfinite(each).all() for each in (found.mean, found.cov)
    ):
        raise ConfigError(f"mean in {path} must be {DIMENSION} finite numbers.")
    return RealPictures(statistics=found, floors=floors)
