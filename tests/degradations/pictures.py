"""A picture with flat parts, edges, texture and colour, and no file."""

import numpy as np


def make_picture(height: int = 96, width: int = 80, seed: int = 0) -> np.ndarray:
    """Return [H, W, 3] float32 in [0, 1], values on the grid of 8 bits."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    picture = np.stack((x / width, y / height, 0.5 + 0.4 * np.sin(x / 3) * np.cos(y / 5)), axis=-1)
    picture[height // 4 : height // 2, width // 4 : width // 2] = (0.9, 0.1, 0.2)
    picture[-height // 4 :, : width // 3] = 0.95
    strip = picture[:, -(width // 4) :]
    strip += generator.normal(0, 0.1, strip.shape)
    return (np.rint(picture.clip(0, 1) * 255) / 255).astype(np.float32)
