"""Distance of a student's result to its reference: its teacher's, or the target."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pairgen.errors import ConfigError

# The largest value of an 8-bit image.
PEAK = 255.0


def relative_rms(found: ArrayLike, end_points: ArrayLike) -> NDArray[np.float64]:
    """Return |found - end point| / |end point| of each pair, [N], in float64.

    0 is the end point itself; 1 is as far from it as zero is.

    Args:
        found: Latents, [N, ...].
        end_points: End points of the same noises, [N, ...].

    Raises:
        ConfigError: The shapes differ, a value is not finite, or an end point is zero everywhere.
    """
    x, reference = (np.asarray(each, np.float64) for each in (found, end_points))
    _check_shapes(x.shape, reference.shape)
    if not (np.isfinite(x).all() and np.isfinite(reference).all()):
        raise ConfigError("Latents must be finite, got NaN or infinity.")
    errors, lengths = (
        np.linalg.norm(each.reshape(len(each), -1), axis=1) for each in (x - reference, reference)
    )
    if not lengths.all():
        raise ConfigError("An end point must not be zero everywhere.")
    result: NDArray[np.float64] = errors / lengths
    return result


def feature_distance(features: ArrayLike, references: ArrayLike) -> NDArray[np.float64]:
    """Return the Euclidean distance of each image's features to its reference's, [N], in float64.

    Args:
        features: Features of the images, [N, D].
        references: Features of their references, [N, D].

    Raises:
        ConfigError: The shapes differ, or a value is not finite.
    """
    x, reference = (np.asarray(each, np.float64) for each in (features, references))
    _check_shapes(x.shape, reference.shape)
    if not (np.isfinite(x).all() and np.isfinite(reference).all()):
        raise ConfigError("Features must be finite, got NaN or infinity.")
    result: NDArray[np.float64] = np.linalg.norm(x - reference, axis=1)
    return result


def psnr(found: ArrayLike, references: ArrayLike) -> NDArray[np.float64]:
    """Return the peak signal-to-noise ratio of each image in dB, [N]; infinite for equal images.

    Args:
        found: Images, [N, H, W, 3] uint8.
        references: References of the same noises, [N, H, W, 3] uint8.

    Raises:
        ConfigError: The shapes differ, or the images are not uint8.
    """
    x, reference = np.asarray(found), np.asarray(references)
    _check_shapes(x.shape, reference.shape)
    if x.dtype != np.uint8 or reference.dtype != np.uint8:
        raise ConfigError(f"Images must be uint8, got {x.dtype} and {reference.dtype}.")
    # One image at a time: all differences at once would take eight times the memory.
    errors = [np.square(a.astype(np.float64) - b).mean() for a, b in zip(x, reference, strict=True)]
    with np.errstate(divide="ignore"):
        result: NDArray[np.float64] = 10 * np.log10(PEAK**2 / np.array(errors))
    return result


def _check_shapes(found: tuple[int, ...], reference: tuple[int, ...]) -> None:
    if found != reference or len(found) < 2 or 0 in found:
        raise ConfigError(
            f"Both inputs must have the same shape [N, ...], got {list(found)} and "
            f"{list(reference)}."
        )
