"""Fetch the pictures from their packages and turn them into cut-outs.

Both sets are Microsoft's Fluent Emoji (MIT): the 3D one as 256 px pictures, the flat one as
vector drawings. They are fetched with `npm pack`, checked against the hash pinned here, and never
committed; see NOTICE.
"""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# npm's own integrity strings.
PACKAGES = {
    "@lobehub/fluent-emoji-3d@1.1.0": (
        "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g=="
    ),
    "@iconify-json/fluent-emoji-flat@1.2.6": (
        "sha512-RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw=="
    ),
}
SIZES = tuple(range(40, 61, 2))
# What a paint does: hue in [0, 1), factor of the saturation, exponent of the value.
PAINT = {
    "red": (0.995, 1.1, 1.0),
    "orange": (0.075, 1.1, 0.8),
    "yellow": (0.145, 1.0, 0.5),
    "green": (0.36, 1.0, 1.0),
    "blue": (0.61, 1.1, 1.0),
    "purple": (0.76, 0.9, 1.0),
    "pink": (0.92, 0.6, 0.5),
}


def fetch(folder: Path) -> dict[str, Path]:
    """Download what is missing; return {package name without version: path of its tarball}."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for package, integrity in PACKAGES.items():
        name, _, version = package.rpartition("@")
        path = folder / f"{name.lstrip('@').replace('/', '-')}-{version}.tgz"
        if not path.exists():
            if shutil.which("npm") is None:
                raise SystemExit(f"npm is not installed; put {package}'s tarball at {path}")
            subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True)
        digest = hashlib.sha512(path.read_bytes()).digest()
        if integrity != f"sha512-{base64.b64encode(digest).decode()}":
            raise SystemExit(f"{path} is not {package}: its sha512 differs; delete it to try again")
        found[name] = path
    return found


def load_art(folder: Path, code_points: dict[str, str]) -> dict[tuple[str, str], Image.Image]:
    """Return {(style, concept): RGBA picture, cut to its visible part}."""
    paths = fetch(folder)
    art = {}
    wanted = {code: concept for concept, code in code_points.items()}
    with tarfile.open(paths["@lobehub/fluent-emoji-3d"]) as tar:
        for member in tar:
            code = plain_code(Path(member.name).stem)
            if code in wanted and member.name.endswith(".webp"):
                content = tar.extractfile(member)
                assert content is not None
                art["3d", wanted[code]] = cut(Image.open(io.BytesIO(content.read())))
    with tarfile.open(paths["@iconify-json/fluent-emoji-flat"]) as tar:
        icons, names = (
            json.load(tar.extractfile(f"package/{name}.json")) for name in ("icons", "chars")
        )
    for code, name in names.items():
        if plain_code(code) in wanted:
            art["flat", wanted[plain_code(code)]] = cut(rasterise(icons["icons"][name]["body"]))
    missing = [
        key
        for concept in code_points
        for key in (("3d", concept), ("flat", concept))
        if key not in art
    ]
    if missing:
        raise SystemExit(f"the packages have no picture for {missing}")
    return art


def plain_code(code: str) -> str:
    """Drop the variation selector FE0F, which sources set or leave out as they like."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


def rasterise(body: str) -> Image.Image:
    """Draw an icon's SVG body (32 units wide) at 256 px."""
    import resvg_py

    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">{body}</svg>'
    return Image.open(
        io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=256, height=256)))
    )


def cut(picture: Image.Image) -> Image.Image:
    """Cut away the transparent border."""
    picture = picture.convert("RGBA")
    visible = picture.getchannel("A").point(lambda alpha: 255 * (alpha > 24))
    return picture.crop(visible.getbbox())


def paint(picture: Image.Image, name: str) -> Image.Image:
    """Give the pixels near the main hue of a picture the hue of a paint."""
    hue, saturation, value = (
        np.asarray(band, np.float32) / 255 for band in picture.convert("RGB").convert("HSV").split()
    )
    alpha = np.asarray(picture.getchannel("A"), np.float32) / 255
    weight = alpha * saturation * value
    histogram = np.bincount((hue * 36).astype(int).ravel() % 36, weight.ravel(), minlength=36)
    main = (np.argmax(histogram) + 0.5) / 36
    near = np.abs((hue - main + 0.5) % 1 - 0.5) < 0.13
    near &= saturation > 0.15
    new_hue, factor, exponent = PAINT[name]
    shifted = (new_hue + 0.3 * ((hue - main + 0.5) % 1 - 0.5)) % 1
    painted = [
        np.where(near, shifted, hue),
        np.where(near, np.clip(saturation * factor, 0, 1), saturation),
        np.where(near, value**exponent, value),
    ]
    bands = [Image.fromarray(np.uint8(np.round(band * 255))) for band in painted]
    rgb = Image.merge("HSV", bands).convert("RGB")
    rgb.putalpha(picture.getchannel("A"))
    return rgb


def sized(picture: Image.Image) -> list[NDArray[np.float32]]:
    """Return the cut-out at each of `SIZES` (longest side, px), RGBA premultiplied in [0, 1]."""
    found = []
    for size in SIZES:
        scale = size / max(picture.size)
        shape = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        small = picture.convert("RGBa").resize(shape, Image.Resampling.BOX)
        found.append(
            np.frombuffer(small.tobytes(), np.uint8)
            .reshape(shape[1], shape[0], 4)
            .astype(np.float32)
            / 255
        )
    return found
