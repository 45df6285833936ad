"""Painted pictures as images: as many as are asked for, each painted when it is opened."""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pairgen.seeding import Stream, generator_for
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_list import PlannedImage
from pairgen.sources.painted.compositions import Composition, all_compositions, draw_where
from pairgen.sources.painted.cutouts import FOLDER, SHEETS
from pairgen.sources.painted.edits import Edit, draw_edit
from pairgen.sources.painted.painter import paint
from pairgen.sources.painted.scene import Scene, draw_scene
from pairgen.sources.photographs import ImageSize

# Name of the map (seed, index) -> scene. It changes when the map, or how a scene is painted, does.
PAINTER = "fluent-emoji-1"
_BMP_HEADER = 54


@dataclass(frozen=True, kw_only=True)
class PaintedFile(ImageFile):
    """A picture that is painted whenever it is opened.

    Attributes:
        scene: What is painted.
        side: Side of the picture in pixels.
    """

    scene: Scene
    side: int

    def open(self) -> BinaryIO:
        """Return the picture as a BMP file, whose length follows from its size."""
        file = io.BytesIO()
        Image.fromarray(paint(self.scene, self.side).picture).save(file, "BMP")
        file.seek(0)
        return file

    def mask(self) -> NDArray[np.uint8]:
        """Return where the thing is, its opacity [S, S, 1]."""
        return paint(self.scene, self.side).mask


@dataclass(frozen=True)
class PaintedImages:
    """The pictures of a seed; nothing about them is stored.

    Attributes:
        seed: Seed of the pictures.
        split: One of `SPLITS` (`names.py`): the compositions that are shown. Of an edit, the target
            is held out, or neither source nor target is.
        side: Side of the pictures in pixels.
        edits: Whether they are the targets of edits, with instructions as captions.
        num_slots: Number of samples that each gives.
    """

    seed: int
    split: str
    side: int
    edits: bool = False
    num_slots: int = 1

    def __getitem__(self, row: int) -> PlannedImage:
        generator = generator_for(self.seed, row, Stream.PICTURE)
        name = f"painted/{self.split}-{self.seed}/{row:09d}"
        if self.edits:
            edit = draw_edit(generator, self._wants_edit)
            source = self._file(f"{name}/source", row, edit.source)
            file = self._file(name, row, edit.target, edit.instruction, partner=source)
        else:
            shown = draw_where(generator, self._wants)
            file = self._file(name, row, draw_scene(shown, generator), shown.caption, shown.tag)
        size = ImageSize(self.side, self.side)
        return PlannedImage(file, size, row * self.num_slots, self.num_slots)

    def row_of(self, slot: int) -> int:
        """Return the number of the picture that a slot shows."""
        return slot // self.num_slots

    def sha256(self) -> str:
        """Return the hash of what they are: what paints them, and what is asked of it."""
        asked = [self.seed, self.split, self.side, self.edits]
        digest = hashlib.sha256(json.dumps([PAINTER, *asked]).encode())
        for name in ("concepts.yaml", "hues.yaml", *(f"{style}.webp" for style in SHEETS)):
            digest.update((FOLDER / name).read_bytes())
        return digest.hexdigest()

    def _wants(self, composition: Composition) -> bool:
        return composition.held_out == (self.split == "held-out")

    def _wants_edit(self, edit: Edit) -> bool:
        wants_target = self._wants(edit.target.composition)
        return wants_target and (self.split == "held-out" or self._wants(edit.source.composition))

    def _file(
        self,
        name: str,
        row: int,
        scene: Scene,
        caption: str = "",
        tag: str = "",
        partner: ImageFile | None = None,
    ) -> PaintedFile:
        # Rows of a BMP begin at multiples of four bytes.
        num_bytes = _BMP_HEADER + self.side * (-(-3 * self.side // 4) * 4)
        return PaintedFile(
            name=name,
            container="",
            kind="painted",
            place=row,
            num_bytes=num_bytes,
            column="",
            caption=caption,
            partner=partner,
            tag=tag,
            scene=scene,
            side=self.side,
        )


def num_compositions(split: str) -> int:
    """Return the number of compositions of a split."""
    return sum(each.held_out == (split == "held-out") for each in all_compositions())
