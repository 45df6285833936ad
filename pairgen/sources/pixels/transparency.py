"""What is transparent, and how it is laid on white."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pairgen.sources.pixels.png_chunks import readable_png

_GRAY, _COLOUR = 0, 2
# Place of the bits a sample and of the kind of colour in a PNG.
_DEPTH, _KIND = 24, 25
_GRAY_WITH_ALPHA = ("LA", "La")


def on_white(image: Image.Image, key: NDArray[np.bool_] | None) -> Image.Image:
    """Lay a loaded image on white; return it without alpha, gray if it was.

    Args:
        image: The image, not of `DEEP_GRAY`.
        key: Where it has its transparent colour, from `key_pixels`; None if Pillow knows.
    """
    if key is not None:
        pixels = np.array(image.convert("L") if image.mode == "1" else image)
        pixels[key] = 255
        return Image.fromarray(pixels)
    if image.mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    if not image.has_transparency_data:
        return image
    is_gray = image.mode in (*_GRAY_WITH_ALPHA, "1", "L")
    # Pillow multiplies La by its alpha once more if it is converted at once.
    image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    flat = Image.alpha_composite(white, image)
    return flat.getchannel("R") if is_gray else flat.convert("RGB")


def key_pixels(image: Image.Image, data: bytes) -> NDArray[np.bool_] | None:
    """Return where a loaded PNG has the colour that its tRNS chunk calls transparent, [H, W].

    Pillow compares that colour, which has the file's bits, with pixels that it scaled to others.

    Args:
        image: The image.
        data: Its file.

    Returns:
        None if it is no PNG with such a colour.
    """
    key: Any = image.info.get("transparency")
    if image.format != "PNG" or key is None or image.mode not in ("1", "L", "RGB", "I", "I;16"):
        return None
    depth, kind = data[_DEPTH], data[_KIND]
    if kind == _GRAY:
        return _gray_pixels(image, depth) == _gray_key(key, depth)
    if kind != _COLOUR:
        return None
    if depth == 16:
        upper, lower = np.divmod(np.array(key), 256)
        return _has_colour(image, upper) & _has_colour(_lower_bits(data), lower)
    return _has_colour(image, np.array(key) % 256)


def _gray_pixels(image: Image.Image, depth: int) -> np.ndarray:
    return np.asarray(image.convert("L") if depth < 16 else image)


def _gray_key(key: int, depth: int) -> int:
    """Return a transparent level as Pillow scales pixels of so many bits."""
    if depth == 1:
        # Pillow has scaled it.
        return 255 if key else 0
    return key if depth == 16 else key % 2**depth * (255 // (2**depth - 1))


def _has_colour(image: Image.Image, colour: np.ndarray) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (np.asarray(image) == colour.astype(np.uint8)).all(axis=-1)
    return found


def _lower_bits(data: bytes) -> Image.Image:
    """Return the lower 8 bits of a PNG of 16 bits, of which Pillow keeps the upper ones."""
    with Image.open(readable_png(io.BytesIO(data)), formats=("PNG",)) as again:
        # The order of bytes of the other kind of machine: the lower ones come out.
        again.tile = [(*part[:3], "RGB;16L") for part in again.tile]  # type: ignore[misc]
        again.load()
        return again


def is_any_transparent(image: Image.Image, data: bytes) -> bool:
    """Whether a pixel of a loaded image is transparent, wholly or in part."""
    if not image.has_transparency_data:
        return False
    key = key_pixels(image, data)
    if key is not None:
        return bool(key.any())
    return bool((np.asarray(image.convert("RGBA"))[..., 3] < 255).any())
