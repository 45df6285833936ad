"""A grid of images: each image large enough to see, with its text below."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP_PX = 10
# Smaller images are enlarged by an integer, so that each of their pixels counts alike.
MIN_PICTURE_PX = 128
CAPTION_FONT_PX = 11
CAPTION_LINE_PX = 14
MAX_CAPTION_LINES = 3
CAPTION_COLOR = (60, 60, 60)
# Pillow's own limit, above which it warns about a decompression bomb when a grid is opened.
MAX_GRID_PIXELS = 89_478_485


@dataclass(frozen=True)
class GridLayout:
    """Positions of the images in a grid.

    Attributes:
        rows: Indices of the images, row by row.
        lines: Caption of each image, split into lines; empty without captions.
        picture_px: Width and height of an image as drawn.
    """

    rows: Sequence[Sequence[int]]
    lines: Sequence[Sequence[str]]
    picture_px: tuple[int, int]

    @property
    def cell_px(self) -> tuple[int, int]:
        """Width and height of an image with its caption and the gap after it."""
        num_lines = max((len(self.lines[i]) for row in self.rows for i in row), default=0)
        width, height = self.picture_px
        return width + GAP_PX, height + CAPTION_LINE_PX * num_lines + GAP_PX

    @property
    def size_px(self) -> tuple[int, int]:
        """Width and height of the grid."""
        width, height = self.cell_px
        return GAP_PX + width * max(map(len, self.rows)), GAP_PX + height * len(self.rows)

    @property
    def fits(self) -> bool:
        """Whether the grid stays within `MAX_GRID_PIXELS`."""
        width, height = self.size_px
        return width * height <= MAX_GRID_PIXELS

    def first_rows(self) -> "GridLayout":
        """Return the layout of as many first rows as fit, at least one."""
        if self.fits:
            return self
        width, _ = self.size_px
        num_rows = (MAX_GRID_PIXELS // width - GAP_PX) // self.cell_px[1]
        return GridLayout(self.rows[: max(1, num_rows)], self.lines, self.picture_px)


def lay_out_grid(
    rows: Sequence[Sequence[int]], size_px: tuple[int, int], captions: Sequence[str]
) -> GridLayout:
    """Return the layout of images and captions.

    Args:
        rows: Indices of the images, row by row.
        size_px: Width and height of an image.
        captions: One caption per image; empty texts for no captions.
    """
    factor = -(-MIN_PICTURE_PX // max(size_px))
    width, height = (factor * size for size in size_px)
    measure = _font().getlength
    # Captions repeat: every noise of a prompt has the same one.
    lines = {caption: wrap_caption(caption, width, measure) for caption in set(captions)}
    return GridLayout(rows, [lines[caption] for caption in captions], (width, height))


def draw_grid(pictures: Sequence[np.ndarray] | np.ndarray, layout: GridLayout) -> Image.Image:
    """Draw images, N of [H, W, 3] uint8, and their captions on white."""
    canvas = Image.new("RGB", layout.size_px, "white")
    draw, font = ImageDraw.Draw(canvas), _font()
    cell_width, cell_height = layout.cell_px
    for row, indices in enumerate(layout.rows):
        for column, i in enumerate(indices):
            left, top = GAP_PX + cell_width * column, GAP_PX + cell_height * row
            image = Image.fromarray(pictures[i])
            if image.size != layout.picture_px:
                image = image.resize(layout.picture_px, Image.Resampling.BICUBIC)
            canvas.paste(image, (left, top))
            for number, line in enumerate(layout.lines[i]):
                below = top + layout.picture_px[1] + CAPTION_LINE_PX * number
                draw.text((left, below), line, fill=CAPTION_COLOR, font=font)
    return canvas


def wrap_caption(text: str, width_px: int, measure: Callable[[str], float]) -> list[str]:
    """Split a text into at most `MAX_CAPTION_LINES` lines; `...` marks what is left out.

    Args:
        text: The caption.
        width_px: Maximum line width.
        measure: Returns the width of a line in pixels.
    """
    lines: list[str] = []
    # No line holds more characters than pixels, so an endless word costs no time.
    for word in (whole[: width_px + 1] for whole in text.split()):
        if len(lines) > MAX_CAPTION_LINES:
            break
        if lines and measure(f"{lines[-1]} {word}") <= width_px:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > MAX_CAPTION_LINES:
        lines = lines[:MAX_CAPTION_LINES]
        lines[-1] += " ..."
    return [_clip(line, width_px, measure) for line in lines]


def _clip(line: str, width_px: int, measure: Callable[[str], float]) -> str:
    if measure(line) <= width_px:
        return line
    start = line.removesuffix(" ...")
    while start and measure(start + "...") > width_px:
        start = start[:-1]
    return start.rstrip() + "..."


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=CAPTION_FONT_PX)
