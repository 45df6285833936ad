"""A self-contained HTML page: tables, text and images, with no external resources."""

import base64
import html
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from pairgen.report.pictures import encode_png

PICTURE_PX = 128

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1180px; margin: 2em auto; padding: 0 1em;
       color: #1b1b1f; }
h1 { margin-bottom: 0; } h2 { margin: 1.6em 0 .3em; } p { margin: .3em 0 .8em; max-width: 75ch; }
p.sub { color: #555; margin-top: .2em; }
table { border-collapse: collapse; margin: .6em 0; }
td, th { padding: .25em 1.2em .25em 0; text-align: left; border-bottom: 1px solid #ddd;
         vertical-align: top; font-weight: normal; }
th { color: #555; }
.grid { display: grid; grid-template-columns: repeat(8, 128px); gap: 14px 14px; }
figure { margin: 0; } figure img { width: 128px; height: 128px; object-fit: contain;
         display: block; border-radius: 6px; }
figcaption { font-size: 12px; line-height: 1.3; color: #333; margin-top: 3px; }
pre { background: #f5f5f5; padding: .8em; overflow-x: auto; border-radius: 6px; }
"""


def make_page(title: str, subtitle: str, parts: Sequence[str]) -> str:
    """Return an HTML document with a title, a subtitle, and parts made by this module."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>"
        f'<p class="sub">{html.escape(subtitle)}</p>{"".join(parts)}</html>'
    )


def heading(title: str, text: str = "") -> str:
    """Return a heading followed by a paragraph."""
    below = paragraph(text) if text else ""
    return f"<h2>{html.escape(title)}</h2>{below}"


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{html.escape(text)}</p>"


def facts_table(facts: Mapping[str, str]) -> str:
    """Return a two-column table of names and values."""
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in facts.items()
    )
    return f"<table>{rows}</table>"


def preformatted(text: str) -> str:
    """Return preformatted text."""
    return f"<pre>{html.escape(text)}</pre>"


def picture_grid(pictures: np.ndarray, captions: Sequence[str]) -> str:
    """Return images [N, H, W, 3] uint8, eight per row, each with its caption below."""
    figures = "".join(
        f'<figure><img src="{_data_url(picture)}" alt="{html.escape(caption)}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for caption, picture in zip(captions, pictures, strict=True)
    )
    return f'<div class="grid">{figures}</div>'


def picture(pixels: np.ndarray, caption: str) -> str:
    """Return one image [H, W, 3] uint8 at its own size."""
    source = _encoded(Image.fromarray(pixels))
    return f'<p><img src="{source}" alt="{html.escape(caption)}"></p>'


def _data_url(picture: np.ndarray) -> str:
    height, width = picture.shape[:2]
    scale = PICTURE_PX / max(height, width)
    size = (round(width * scale), round(height * scale))
    return _encoded(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))


def _encoded(image: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(encode_png(image)).decode("ascii")
