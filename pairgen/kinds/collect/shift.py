"""Measure how far one image is shifted against another, to a fraction of a pixel.

The peak of the phase correlation gives whole pixels. The slope of the phase over the low
frequencies, where neither aliasing nor noise dominates, gives the rest; it is measured again after
each correction, since windows hide a part of it.

Reference:
    Kuglin and Hines 1975, "The phase correlation image alignment method"; Stone et al. 2001, "A
    fast direct Fourier-based algorithm for subpixel registration of images" (phase slope).
"""

import cv2
import numpy as np
from numpy.typing import NDArray

# Side of the part in the middle that is compared, in pixels: more adds time, not accuracy.
MAX_SIDE = 512
# Cycles per pixel, below which phases count.
MAX_FREQUENCY = 0.35
NUM_CORRECTIONS = 4
# Decimals that are kept: the last bits of a Fourier transform depend on the machine.
DECIMALS = 3

Plane = NDArray[np.float64]


def measure_shift(reference: NDArray[np.uint8], image: NDArray[np.uint8]) -> tuple[float, float]:
    """Return how far the content of an image lies right of and below that of a reference.

    Args:
        reference: RGB, [H, W, 3].
        image: RGB, [H, W, 3].

    Returns:
        (x, y) in pixels, rounded to 0.001. Zero for images without any texture.
    """
    first, second = _middle(reference), _middle(image)
    down, right = _whole_shift(first, second)
    first, second = _overlap(first, second, down, right)
    rest = np.zeros(2)
    for _ in range(NUM_CORRECTIONS):
        rest += _phase_slope(first, _moved_back(second, rest))
    # -0.0 becomes 0.0.
    shifts = (round(float(each), DECIMALS) + 0.0 for each in (right + rest[1], down + rest[0]))
    shift_x, shift_y = shifts
    return shift_x, shift_y


def _middle(image: NDArray[np.uint8]) -> Plane:
    """Return the gray values of the middle, [h, w]."""
    height, width = image.shape[:2]
    top, left = max((height - MAX_SIDE) // 2, 0), max((width - MAX_SIDE) // 2, 0)
    part = np.ascontiguousarray(image[top : top + MAX_SIDE, left : left + MAX_SIDE])
    return cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float64)


def _cross_spectrum(first: Plane, second: Plane) -> NDArray[np.complex128]:
    height, width = first.shape
    # Without the zeros at its ends.
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1])
    one, other = (
        np.fft.fft2((plane - (plane * window).sum() / window.sum()) * window)
        for plane in (first, second)
    )
    return np.conj(one) * other


def _whole_shift(first: Plane, second: Plane) -> tuple[int, int]:
    """Return the shift (down, right) in whole pixels, at most a quarter of the image."""
    cross = _cross_spectrum(first, second)
    peaks = np.fft.fftshift(np.fft.ifft2(cross / np.maximum(np.abs(cross), 1e-9)).real)
    middle, reach = [side // 2 for side in peaks.shape], [side // 4 for side in peaks.shape]
    near = peaks[
        middle[0] - reach[0] : middle[0] + reach[0] + 1,
        middle[1] - reach[1] : middle[1] + reach[1] + 1,
    ]
    row, column = divmod(int(near.argmax()), near.shape[1])
    return row - reach[0], column - reach[1]


def _overlap(first: Plane, second: Plane, down: int, right: int) -> tuple[Plane, Plane]:
    """Return the parts of two images that show the same if the second is shifted this far."""
    height, width = first.shape
    return (
        first[max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)],
        second[max(down, 0) : height - max(-down, 0), max(right, 0) : width - max(-right, 0)],
    )


def _moved_back(plane: Plane, shift: NDArray[np.float64]) -> Plane:
    """Return an image whose content is moved by minus (down, right), a fraction of a pixel."""
    matrix = np.array([[1, 0, shift[1]], [0, 1, shift[0]]], np.float64)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    size = plane.shape[1], plane.shape[0]
    moved = cv2.warpAffine(plane, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.float64)


def _phase_slope(first: Plane, second: Plane) -> NDArray[np.float64]:
    """Return (down, right) from a weighted fit of phase = -2 pi (down f_y + right f_x)."""
    cross = _cross_spectrum(first, second)
    height, width = cross.shape
    rows, columns = np.meshgrid(np.fft.fftfreq(height), np.fft.fftfreq(width), indexing="ij")
    low = rows**2 + columns**2 < MAX_FREQUENCY**2
    frequencies = np.stack([rows[low], columns[low]], axis=1)
    weighted = frequencies * np.abs(cross)[low][:, None]
    normal = weighted.T @ frequencies
    if np.linalg.matrix_rank(normal) < 2:
        return np.zeros(2)
    turns = -np.angle(cross)[low] / (2 * np.pi)
    return np.asarray(np.linalg.solve(normal, weighted.T @ turns))
