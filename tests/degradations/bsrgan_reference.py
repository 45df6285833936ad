"""BSRGAN's published chain, driven by a recorded draw: SciPy's convolution and densities, OpenCV.

Written from what the published code does (cszn/BSRGAN, utils_blindsr.py), apart from pairgen's own
operations. Noise fields are pairgen's, since a draw cannot pin them down; the antialiased halving
is torch's, whose border differs from MATLAB's.
"""

import cv2
import numpy as np
import scipy.interpolate
import scipy.ndimage
import scipy.stats
import torch
import torch.nn.functional as F

from pairgen.degradations.base import field_generator

MODES = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC, "area-weighted": cv2.INTER_AREA}


def render_bsrgan(image: np.ndarray, draw: dict, level: int) -> np.ndarray:
    """Return LR at 1 / level of an image [H, W, 3] uint8 as float64 in [0, 255]."""
    (halved,) = (each["halved"] for each in draw["levels"]["operations"])
    x, scale = (image / 255).astype(np.float32), level
    if level == 4 and halved["halved"]:
        x = resize(x, (x.shape[0] // 2, x.shape[1] // 2), halved["mode"]).clip(0, 1)
        scale = 2
    shuffled, last = (next(iter(each.values())) for each in halved["operations"])
    before = None
    for number in shuffled["order"]:
        drawn = shuffled["groups"][number]["operations"][0]
        if number < 2:
            kernel = blur_kernel(drawn["scaled_blur"], scale)
            x = scipy.ndimage.convolve(x, kernel[..., None], mode="mirror")
        elif number == 2:
            before = x.shape
            x = first_down(x, drawn["one_of"], scale).clip(0, 1)
        elif number == 3:
            size = before[0] // scale, before[1] // scale
            x = resize(x, size, drawn["resize_to_target"]["mode"]).clip(0, 1)
        elif number == 4:
            x = (x + noise(x.shape, drawn["one_of"], level)).clip(0, 1)
        elif drawn["maybe"]["applied"]:
            x = jpeg(x, drawn["maybe"]["operations"][0]["jpeg"]["quality"])
    return jpeg(x, last["quality"]) * 255


def resize(x: np.ndarray, size: tuple, mode: str) -> np.ndarray:
    if mode == "bicubic-antialias":
        planes = torch.from_numpy(x).permute(2, 0, 1)[None]
        found = F.interpolate(planes, size, mode="bicubic", antialias=True)
        return found[0].permute(1, 2, 0).numpy()
    return cv2.resize(x, size[::-1], interpolation=MODES[mode])


def blur_kernel(drawn: dict, scale: int) -> np.ndarray:
    size = drawn["kernel_size"]
    axis = np.arange(size) - (size - 1) / 2
    points = np.stack(np.meshgrid(axis, axis), -1)
    if drawn["round"]:
        covariance = np.eye(2) * (drawn["width_x"] * (2 + 0.2 * scale)) ** 2
    else:
        c, s = np.cos(drawn["angle"]), np.sin(drawn["angle"])
        axes = np.array([[c, s], [s, -c]])
        widths = np.diag([drawn[name] * (4 + scale) for name in ("width_x", "width_y")])
        covariance = axes @ widths @ np.linalg.inv(axes)
    kernel = scipy.stats.multivariate_normal.pdf(points, [0, 0], covariance + 1e-12 * np.eye(2))
    return kernel / kernel.sum()


def first_down(x: np.ndarray, drawn: dict, scale: int) -> np.ndarray:
    if "shrink" in drawn:
        divisor = 1 + drawn["shrink"]["amount"] * (2 * scale - 1)
        size = int(1 / divisor * x.shape[0]), int(1 / divisor * x.shape[1])
        return resize(x, size, drawn["shrink"]["mode"])
    sigma = 0.1 + drawn["decimate"]["width"] * (0.6 * scale - 0.1)
    axis = np.arange(25.0) - 12
    kernel = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * sigma**2))
    at = (axis + (scale - 1) / 2).clip(-12, 12)
    shifted = scipy.interpolate.RegularGridInterpolator((axis, axis), kernel)(
        np.stack(np.meshgrid(at, at), -1)
    )
    blurred = scipy.ndimage.convolve(x, (shifted / shifted.sum())[..., None], mode="mirror")
    return blurred[::scale, ::scale]


def noise(shape: tuple, drawn: dict, level: int) -> np.ndarray:
    if "gaussian_noise" in drawn:
        drawn = drawn["gaussian_noise"]
        field = field_generator(drawn["field_seed"], level).standard_normal(
            (*shape[:2], 1 if drawn["gray"] else 3), np.float32
        )
        return field * np.float32(drawn["sigma"] / 255)
    drawn = drawn["correlated_noise"]
    field = field_generator(drawn["field_seed"], level).standard_normal(shape, np.float32)
    # As NumPy turns standard numbers into those of a covariance.
    covariance = np.array(drawn["covariance"]) * (25 / 255) ** 2
    _, values, rows = np.linalg.svd(covariance)
    return (field @ (np.sqrt(values)[:, None] * rows)).astype(np.float32)


def jpeg(x: np.ndarray, quality: int) -> np.ndarray:
    levels = (x.clip(0, 1) * 255).round().astype(np.uint8)[..., ::-1]
    encoded = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return (cv2.imdecode(encoded, cv2.IMREAD_COLOR)[..., ::-1] / 255).astype(np.float32)
