"""The output of `pairgen sample`: a grid, or a folder of images with a grid and facts.

The facts are in the PNG text chunk `pairgen`, which also identifies the files that pairgen made.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pairgen.drawing.grid import GridLayout, draw_grid
from pairgen.drawing.limits import MAX_GRID_PICTURES
from pairgen.drawing.pictures import FACTS_CHUNK, encode_png
from pairgen.errors import ConfigError, PairgenError
from pairgen.kinds.ode.pictures import Pictures
from pairgen.option_names import option_text
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import sample_key

GRID_NAME = "grid.png"
FACTS_NAME = "samples.json"
PICTURE_NAME = re.compile(r"\d{9,}\.png")
# All images are held in memory until they are written: 8 GB at 512 px.
MAX_PICTURES = 10_000


@dataclass(frozen=True)
class Target:
    """Where to write images.

    Attributes:
        folder: The folder, absolute.
        grid_name: File name of the grid.
        takes_pictures: Whether each image gets its own file beside the grid.
    """

    folder: Path
    grid_name: str
    takes_pictures: bool

    @property
    def path(self) -> Path:
        """The path that the user gave: of the grid, or of the folder."""
        return self.folder if self.takes_pictures else self.folder / self.grid_name


def find_target(out: str) -> Target:
    """Resolve `--out`: a `.png` file, or a folder that exists or ends in `/`.

    Raises:
        ConfigError: It is neither, is not writable, or holds files that pairgen did not make and
            would overwrite.
    """
    path = Path(out).expanduser().absolute()
    is_local = out != "" and "://" not in out
    if is_local and (path.is_dir() or out.endswith("/")):
        target = Target(path, GRID_NAME, True)
    elif is_local and path.suffix.lower() == ".png":
        target = Target(path.parent, path.name, False)
    else:
        raise ConfigError(
            f"{option_text('out')} must be a .png file, or a folder that exists or ends in /, got "
            f"{out!r}."
        )
    LocalStore(target.folder).check_writable()
    foreign = [name for name in _names_taken(target) if not _is_ours(target.folder / name)]
    if foreign:
        raise ConfigError(
            f"{target.folder} holds files that pairgen did not make and would overwrite "
            f"({', '.join(foreign[:3])}): give another --out."
        )
    return target


def find_grid_file(path: str, option: str) -> Target:
    """Resolve an option that names one `.png` file.

    Raises:
        ConfigError: It names something else, is not writable, or pairgen did not make it and would
            overwrite it.
    """
    found = Path(path).expanduser().absolute()
    if "://" in path or found.suffix.lower() != ".png" or found.is_dir():
        raise ConfigError(f"{option} must be a .png file, got {path!r}.")
    target = Target(found.parent, found.name, False)
    LocalStore(target.folder).check_writable()
    if _names_taken(target) and not _is_ours(found):
        raise ConfigError(f"{found} is a file that pairgen did not make: give another {option}.")
    return target


def write_grid(target: Target, image: Image.Image, facts: Mapping[str, Any]) -> None:
    """Write the grid of a target atomically, with its facts inside.

    Raises:
        PairgenError: The disk is full or unavailable.
    """
    store = LocalStore(target.folder)
    try:
        store.put_bytes(target.grid_name, encode_png(image, json.dumps(facts)))
    except OSError as error:
        raise PairgenError(f"{target.path} cannot be written: {error}.") from None
    finally:
        # Remove the spool, unless it holds something else.
        store.prune()


def check_num_pictures(target: Target, num_pictures: int) -> None:
    """Raise ConfigError if there are too many images for one grid, or for memory."""
    if target.takes_pictures and num_pictures > MAX_PICTURES:
        raise ConfigError(
            f"A folder takes at most {MAX_PICTURES:,} images, not {num_pictures:,}: for more, "
            "make a dataset with pairgen ode."
        )
    if not target.takes_pictures and num_pictures > MAX_GRID_PICTURES:
        raise ConfigError(
            f"A grid shows at most {MAX_GRID_PICTURES:,} images, not {num_pictures:,}: give a "
            "folder as --out, ending in /."
        )


def write_samples(
    target: Target,
    made: Pictures,
    layout: GridLayout,
    run: Mapping[str, Any],
    conditions: Sequence[np.ndarray] = (),
) -> None:
    """Write what the target requires; each file is written atomically.

    In a folder, images replace those of an earlier run, and those beyond the last are removed;
    `samples.json` is written last.

    Args:
        target: Target from `find_target`.
        made: The images.
        layout: Layout of the grid, which may show fewer images.
        run: Facts of the run, from `run_facts`.
        conditions: What the images were made from, as large as they are: numbered behind them in
            the layout, and shown only there.

    Raises:
        PairgenError: The disk is full or unavailable.
    """
    store = LocalStore(target.folder)
    indices = sorted(i for row in layout.rows for i in row if i < len(made.facts))
    shown = [made.facts[i] for i in indices]
    grid = draw_grid([*made.pictures, *conditions], layout)
    try:
        store.remove_stale_spool()
        if target.takes_pictures:
            # While this file is missing, the folder is incomplete.
            store.remove(FACTS_NAME)
            _write_pictures(store, made, run)
        store.put_bytes(target.grid_name, encode_png(grid, json.dumps({**run, "pictures": shown})))
        if target.takes_pictures:
            facts = {**run, "pictures": list(made.facts)}
            text = json.dumps(facts, indent=1, ensure_ascii=False)
            store.put_bytes(FACTS_NAME, f"{text}\n".encode())
    except OSError as error:
        raise PairgenError(f"{target.path} cannot be written: {error}.") from None
    finally:
        # Remove the spool, unless it holds something else.
        store.prune()


def _write_pictures(store: LocalStore, made: Pictures, run: Mapping[str, Any]) -> None:
    """Write one file per image, and remove an earlier run's images beyond the last."""
    options = {name: value for name, value in run["options"].items() if name != "prompts"}
    for picture, fact in zip(made.pictures, made.facts, strict=True):
        facts = json.dumps({**run, "options": options, "picture": fact})
        store.put_bytes(_picture_name(fact["index"]), encode_png(Image.fromarray(picture), facts))
    stands = {_picture_name(fact["index"]) for fact in made.facts}
    for name in store.names(""):
        if PICTURE_NAME.fullmatch(name) and name not in stands and _is_ours(store.root / name):
            store.remove(name)


def _picture_name(index: int) -> str:
    return f"{sample_key(index)}.png"


def _names_taken(target: Target) -> list[str]:
    """Return the existing files that this or a larger run would write."""
    if not target.takes_pictures:
        return [target.grid_name] if os.path.lexists(target.path) else []
    names = LocalStore(target.folder).names("")
    return [
        name
        for name in names
        if name in (GRID_NAME, FACTS_NAME) or PICTURE_NAME.fullmatch(name) is not None
    ]


def _is_ours(path: Path) -> bool:
    """Whether pairgen wrote this file: it contains the facts."""
    try:
        if path.suffix == ".json":
            found = json.loads(path.read_bytes())
            return isinstance(found, dict) and "pairgen" in found
        with Image.open(path) as image:
            return FACTS_CHUNK in image.info
    except (OSError, ValueError, Image.DecompressionBombError):
        # Another format, broken, or not a file.
        return False
