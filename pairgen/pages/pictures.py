"""Images as a page holds them."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

# Smaller images are kept bit by bit; others would make a page too large to open.
MAX_EXACT_PX, MAX_PX, QUALITY = 128, 1024, 90


def picture_data(
    pixels: np.ndarray, label: str, note: str = "", member: str = ""
) -> dict[str, Any]:
    """Return an image [H, W, 3] uint8 as a page holds it, with its label.

    Up to `MAX_EXACT_PX` it is a PNG with the same pixels, above it a WebP of quality `QUALITY`; its
    longer side is reduced to `MAX_PX`.

    Args:
        pixels: The image.
        label: What it is, such as `student` or `LR 1/4`.
        note: What is known of it, such as its error.
        member: Its name in the dataset, if the label is another.
    """
    height, width, _ = pixels.shape
    image = Image.fromarray(pixels)
    longest = max(height, width)
    if longest > MAX_PX:
        size = (max(1, width * MAX_PX // longest), max(1, height * MAX_PX // longest))
        image = image.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if longest <= MAX_EXACT_PX:
        image.save(buffer, "PNG")
    else:
        image.save(buffer, "WEBP", quality=QUALITY)
    kind = "png" if longest <= MAX_EXACT_PX else "webp"
    source = f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
    return {
        "label": label,
        "note": note,
        "member": member if member != label else "",
        "width": width,
        "height": height,
        "src": source,
    }
