"""Mutated images: every one is taken or has a reason, in little memory, and nothing else happens.

`PAIRGEN_MUTATIONS=2000` tries so many with each of two seeds; the suite tries fewer.
"""

import importlib
import io
import os
import pickle
import resource
import signal
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from pairgen.sources.photographs import (
    UnusableImageError,
    decode_as_stored,
    decode_rgb,
    has_transparent_pixels,
    read_size,
)
from tests.hostile.pixels.files import ORIENTATION, colours, png, saved

pytestmark = pytest.mark.slow
NUM = int(os.environ.get("PAIRGEN_MUTATIONS", "100"))
SEEDS = (1, 2)
# Above what the undamaged file takes, and how long one may take.
MAX_BYTES, MAX_SECONDS = 400 * 2**20, 20
PLUGGED = (("pillow_heif", "HEIF"), ("pillow_jxl", "JXL"))
# Files that one child reads.
BATCH = 25


def originals() -> list[tuple[str, bytes]]:
    """Return sound files of all formats whose packages are there."""
    rgb = Image.fromarray(colours().astype(np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    frames = {"save_all": True, "append_images": [rgb.rotate(180)]}
    deep = Image.fromarray((colours(65535)[..., 0]).astype(np.uint16))
    found = [
        ("JPEG", saved(rgb, "JPEG", exif=exif)),
        ("JPEG, progressive", saved(rgb, "JPEG", progressive=True)),
        ("JPEG, CMYK", saved(rgb.convert("CMYK"), "JPEG")),
        ("PNG", saved(rgb.convert("RGBA"), "PNG", exif=exif)),
        ("PNG, 16 bits", png(colours(65535).astype(int), 16, 2)),
        ("PNG, palette", saved(rgb.quantize(50), "PNG", transparency=3)),
        ("APNG", saved(rgb, "PNG", **frames)),
        ("WEBP", saved(rgb, "WEBP", exif=exif)),
        ("WEBP, lossless", saved(rgb.convert("RGBA"), "WEBP", lossless=True)),
        ("WEBP, animated", saved(rgb, "WEBP", **frames)),
        ("TIFF", saved(rgb, "TIFF", exif=exif)),
        ("TIFF, LZW", saved(rgb, "TIFF", compression="tiff_lzw")),
        ("TIFF, 16 bits", saved(deep, "TIFF")),
        ("TIFF, pages", saved(rgb, "TIFF", **frames)),
        ("BMP", saved(rgb, "BMP")),
        ("GIF", saved(rgb.quantize(50), "GIF", **frames)),
    ]
    for module, kind in (("PIL.AvifImagePlugin", "AVIF"), *PLUGGED):
        with suppress(ImportError, KeyError, OSError):
            package = importlib.import_module(module)
            if kind == "HEIF":
                package.register_heif_opener()
            found.append((kind, saved(rgb, kind)))
    return found


def mutations(seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield `NUM` damaged files, of each original in turn."""
    generator, sound = np.random.default_rng(seed), originals()
    for number in range(NUM):
        name, data = sound[number % len(sound)]
        yield f"{name} {seed}/{number}", _mutated(bytearray(data), generator)


def _mutated(data: bytearray, generator: np.random.Generator) -> bytes:
    kind = generator.integers(5)
    # Headers decide the most, so half of the places are in them.
    ends = (len(data), min(len(data), 200))
    for _ in range(generator.integers(1, 6)):
        place = int(generator.integers(ends[generator.integers(2)]))
        if kind == 0:
            data[place] ^= 1 << int(generator.integers(8))
        elif kind == 1:
            data[place] = int(generator.choice([0, 1, 127, 128, 255]))
        elif kind == 2:
            data[place : place + 4] = generator.bytes(4)
        elif kind == 3:
            del data[place : place + int(generator.integers(1, 30))]
        else:
            data[place:place] = data[place : place + int(generator.integers(1, 30))]
    return bytes(data[: int(generator.integers(1, len(data) + 1))] if kind == 3 else data)


def _outcome(data: bytes) -> str:
    """Return what became of a file: `taken`, its reason, or what is wrong."""
    told = []
    for read in (
        lambda: read_size(io.BytesIO(data)),
        lambda: decode_rgb(data),
        lambda: decode_as_stored(data),
        lambda: has_transparent_pixels(data),
    ):
        try:
            found = read()
            told.append(found)
        except UnusableImageError as error:
            if not str(error) or len(str(error).splitlines()) != 1:
                return f"WRONG: the reason {str(error)!r}"
            told.append(None)
        except BaseException as error:
            return f"WRONG: {type(error).__name__}: {error}"
    size, pixels = told[:2]
    if size is not None and pixels is not None and pixels.shape[:2] != (size.height, size.width):
        return f"WRONG: {size} by the header, {pixels.shape} by the pixels"
    return "taken" if pixels is not None else "refused"


def _in_child(batch: list[tuple[str, bytes]]) -> list[tuple[str, str, int]]:
    """Read files in a forked child; return name, outcome and its peak of memory after each."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(MAX_SECONDS * len(batch))
        with os.fdopen(writing, "wb") as pipe:
            for name, data in batch:
                outcome = _outcome(data)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                pickle.dump((name, outcome, peak), pipe)
                pipe.flush()
        os._exit(0)
    os.close(writing)
    found = []
    with os.fdopen(reading, "rb") as pipe:
        while True:
            try:
                found.append(pickle.load(pipe))
            except EOFError:
                break
    _, status = os.waitpid(child, 0)
    if len(found) < len(batch):
        found.append((batch[len(found)][0], f"WRONG: the process ended with {status}", 0))
    return found


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_images_are_taken_or_have_a_reason(seed):
    files = list(mutations(seed))
    usual = max(peak for _, _, peak in _in_child(originals()))
    found = []
    for start in range(0, len(files), BATCH):
        found += _in_child(files[start : start + BATCH])
    wrong = [f"{name}: {outcome}" for name, outcome, _ in found if outcome.startswith("WRONG")]
    wrong += [
        f"{name}: {(peak - usual) / 2**20:.0f} MiB more"
        for name, _, peak in found
        if peak > usual + MAX_BYTES
    ]
    assert not wrong, "\n".join(wrong)
    assert len(found) == NUM
    assert {outcome for _, outcome, _ in found} == {"taken", "refused"}
