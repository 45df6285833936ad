"""Pack the cut-outs of `pairgen/assets/painted` from the packages that hold the pictures.

    python pipelines/tiny_teacher/pack_cutouts.py

Both sets are Microsoft's Fluent Emoji (MIT, see NOTICE): the 3D one as 256 px pictures, the flat
one as vector drawings. They are fetched with `npm pack` and checked against the hash pinned here.
Needs the extra `tiny-teacher`.
"""

import argparse
import base64
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from pairgen.sources.painted.compositions import load_concepts
from pairgen.sources.painted.cutouts import CELL, COLUMNS, FOLDER, SHEETS

# npm's own integrity strings.
PACKAGES = {
    "@lobehub/fluent-emoji-3d@1.1.0": (
        "sha512-Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g=="
    ),
    "@iconify-json/fluent-emoji-flat@1.2.6": (
        "sha512-RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw=="
    ),
}
# The most quality with which both sheets stay below 1 MB.
QUALITY = 80


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("data/tiny_teacher/art"))
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    plain, paintable = load_concepts()
    art = load_art(options.work, {**plain, **paintable})
    for style in SHEETS:
        path = options.out / f"{style}.webp"
        pack([art[style, concept] for concept in (*plain, *paintable)]).save(
            path, quality=QUALITY, method=6
        )
        print(f"{path}: {path.stat().st_size:,} bytes")
    hues = {style: {name: main_hue(art[style, name]) for name in paintable} for style in SHEETS}
    (options.out / "hues.yaml").write_text(yaml.safe_dump(hues, sort_keys=False), encoding="utf-8")


def pack(pieces: list[Image.Image]) -> Image.Image:
    """Return a sheet of the pieces, each in the upper left corner of its cell."""
    sheet = Image.new("RGBA", (COLUMNS * CELL, -(-len(pieces) // COLUMNS) * CELL))
    for place, piece in enumerate(pieces):
        row, column = divmod(place, COLUMNS)
        scale = CELL / max(piece.size)
        width, height = (max(1, round(side * scale)) for side in piece.size)
        # Premultiplied, so that what is transparent gives no colour to the edges.
        small = piece.convert("RGBa").resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(small.convert("RGBA"), (column * CELL, row * CELL))
    return sheet


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


def main_hue(picture: Image.Image) -> float:
    """Return the main hue of an RGBA picture in [0, 1), the middle of one of 36 bins.

    It is stored, since packing changes pixels and two hues may be nearly as frequent.
    """
    hue, saturation, value = (
        np.asarray(band, np.float64) / 255 for band in picture.convert("RGB").convert("HSV").split()
    )
    alpha = np.asarray(picture.getchannel("A"), np.float64) / 255
    weight = alpha * saturation * value
    histogram = np.bincount((hue * 36).astype(int).ravel() % 36, weight.ravel(), minlength=36)
    return round((int(np.argmax(histogram)) + 0.5) / 36, 6)


if __name__ == "__main__":
    main()
