"""What both noises share."""

import numpy as np

from pairgen.degradations.base import Image

# Weights of R, G and B in a gray value, as torchvision's rgb_to_grayscale has them.
GRAY = np.array([0.2989, 0.587, 0.114], np.float32)


def gray_of(image: Image) -> Image:
    """Return the gray value of every pixel, [H, W, 1]."""
    return np.asarray(image @ GRAY, np.float32)[..., None]
