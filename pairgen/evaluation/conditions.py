"""How images agree with what they were made from: edges, and the part that was to be painted."""

import numpy as np
from numpy.typing import NDArray

from pairgen.errors import ConfigError


def edge_f1(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the F1 score of each image's edge pixels, [N], in 0..1.

    F1 is 2 |found and wanted| / (|found| + |wanted|), the harmonic mean of precision and recall; an
    edge that lies one pixel beside is wrong. Without any edge in both it is 1.

    Args:
        found: Edge pixels of the images, [N, H, W].
        wanted: Those of their conditions, [N, H, W].

    Raises:
        ConfigError: The shapes differ.
    """
    _check_shapes(found.shape, wanted.shape)
    both = (found & wanted).reshape(len(found), -1).sum(axis=1)
    num = found.reshape(len(found), -1).sum(axis=1) + wanted.reshape(len(wanted), -1).sum(axis=1)
    result: NDArray[np.float64] = np.where(num > 0, 2 * both / np.maximum(num, 1), 1.0)
    return result


def painted_error(
    found: NDArray[np.uint8], targets: NDArray[np.uint8], painted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the mean absolute difference over each image's painted pixels, [N], in 8-bit levels.

    It is NaN for an image of which nothing was painted. Elsewhere images are what they were given.

    Args:
        found: Images, [N, H, W, 3].
        targets: The images that the known part is of, [N, H, W, 3].
        painted: Whether a pixel was to be painted, [N, H, W].

    Raises:
        ConfigError: The shapes differ.
    """
    _check_shapes(found.shape, targets.shape)
    _check_shapes(found.shape[:3], painted.shape)
    return np.array(
        [
            np.abs(image[mask].astype(np.float64) - target[mask]).mean() if mask.any() else np.nan
            for image, target, mask in zip(found, targets, painted, strict=True)
        ]
    )


def _check_shapes(found: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if found != wanted:
        raise ConfigError(f"Shapes must be equal, got {list(found)} and {list(wanted)}.")
