"""The quantization tables of JPEG at a quality that is no whole number.

Reference:
    Tables: ITU-T T.81 (1992), Annex K.1. Their scaling by a quality: libjpeg's jcparams.c.
"""

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMINANCE = (
    *(17, 18, 24, 47, 99, 99, 99, 99),
    *(18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99),
    *(99,) * 32,
)


def tables_of(quality: float) -> list[list[int]]:
    """Return the tables of luminance and chrominance, each of 64 numbers in [1, 255].

    They are libjpeg's for a whole quality of 50 or more. Below 50, libjpeg rounds the percentage
    5000 / quality down first; the published approximation of the codec (DiffJPEG) does not.
    """
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    return [
        np.floor((np.array(table) * percent + 50) / 100).clip(1, 255).astype(int).tolist()
        for table in (LUMINANCE, CHROMINANCE)
    ]


def through_jpeg(levels: NDArray[np.uint8], quality: float) -> NDArray[np.uint8]:
    """Encode [H, W, 3] with the tables of a quality, 4:2:0, and decode it."""
    # OpenCV takes whole qualities only, Pillow tables; both encode with libjpeg.
    encoded = io.BytesIO()
    Image.fromarray(levels).save(encoded, "JPEG", qtables=tables_of(quality), subsampling="4:2:0")
    decoded = cv2.imdecode(np.frombuffer(encoded.getbuffer(), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(np.asarray(decoded), cv2.COLOR_BGR2RGB), np.uint8)
