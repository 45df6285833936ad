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

from pairgen.errors import ConfigError, PairgenError
from pairgen.kinds.ode.pictures import Pictures
from pairgen.report.grid import MAX_GRID_PIXELS, GridLayout, draw_grid, lay_out_grid
from pairgen.report.limits import MAX_GRID_PICTURES
from pairgen.report.pictures import FACTS_CHUNK, encode_png
from pairgen.shards.format.local_store import LocalStore
from pairgen.types import sample_key

GRID_NAME = "grid.png"
FACTS_NAME = "samples.json"
PICTURE_NAME = re.compile(r"\d{9,}\.png")
# All images are held in memory until they are written: 8 GB at 512 px.
MAX_PICTURES = 10_000
USUAL_COLUMNS = 8


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
            f"out must be a .png file, or a folder that exists or ends in /, got {out!r}."
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
        _put(store, target.grid_name, encode_png(image, json.dumps(facts)))
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


def picture_rows(
    num_prompts: int, num_per_prompt: int, num_guidances: int, num_columns: int
) -> list[list[int]]:
    """Return the indices of the images, row by row, with images to compare side by side.

    Images are numbered like the samples of a dataset: guidance scales vary fastest, then prompts,
    then noises. The grid goes prompt by prompt. With several guidance scales, each prompt and noise
    has a row; with several noises alone, each prompt has a row; otherwise prompts follow one
    another, eight or more per row.

    Args:
        num_prompts: Number of prompts.
        num_per_prompt: Number of noises per prompt.
        num_guidances: Number of guidance scales.
        num_columns: Images per row, all in one sequence; 0 for the rows described.
    """
    numbers = np.arange(num_per_prompt * num_prompts * num_guidances)
    by_prompt = numbers.reshape(num_per_prompt, num_prompts, num_guidances).swapaxes(0, 1)
    if num_columns:
        groups = by_prompt.reshape(1, -1)
    elif num_guidances > 1:
        groups = by_prompt.reshape(-1, num_guidances)
    elif num_per_prompt > 1:
        groups = by_prompt.reshape(num_prompts, -1)
    else:
        groups = by_prompt.reshape(1, -1)
    # Make it square if eight columns would make a tower.
    return _cut(groups, num_columns or max(USUAL_COLUMNS, int(np.ceil(groups.shape[1] ** 0.5))))


def rows_with_conditions(
    num_conditions: int, num_per_condition: int, num_guidances: int, num_columns: int
) -> list[list[int]]:
    """Return the rows of a grid of conditions and the images that were made from them.

    Each condition stands before its images, in a row of its own; where it has one image only,
    conditions follow one another. The images are numbered as in `picture_rows`, the conditions
    behind all images.

    Args:
        num_conditions: Number of conditions.
        num_per_condition: Number of noises per condition.
        num_guidances: Number of guidance scales.
        num_columns: Cells per row, all in one sequence; 0 for the rows described.
    """
    num_images = num_per_condition * num_conditions * num_guidances
    numbers = np.arange(num_images).reshape(num_per_condition, num_conditions, num_guidances)
    images = numbers.swapaxes(0, 1).reshape(num_conditions, -1)
    groups = np.column_stack([num_images + np.arange(num_conditions), images])
    if num_columns or images.shape[1] == 1:
        groups = groups.reshape(1, -1)
    # As above; an even number keeps a condition beside its only image.
    side = int(np.ceil(groups.shape[1] ** 0.5))
    return _cut(groups, num_columns or max(USUAL_COLUMNS, side + side % 2))


def lay_out_pictures(
    rows: Sequence[Sequence[int]],
    size_px: tuple[int, int],
    captions: Sequence[str],
    target: Target,
) -> GridLayout:
    """Return the layout of the grid: of all images, or for a folder, of the first rows that fit.

    Args:
        rows: Indices of the images, row by row.
        size_px: Width and height of an image.
        captions: One caption per image; empty texts for no captions.
        target: Where the images go.

    Raises:
        ConfigError: The grid would be too large.
    """
    grid = lay_out_grid(rows, size_px, captions)
    shown = grid.first_rows() if target.takes_pictures else grid
    if not shown.fits:
        wide, high = shown.size_px
        advice = "fewer --columns" if target.takes_pictures else "a folder as --out, ending in /"
        raise ConfigError(
            f"A grid of {sum(map(len, shown.rows)):,} images would have {wide:,} x {high:,} px, "
            f"more than {MAX_GRID_PIXELS:,} in total: give {advice}."
        )
    return shown


def _cut(groups: np.ndarray, length: int) -> list[list[int]]:
    """Cut each group of images, [N, K], into rows of at most `length`."""
    return [
        group[first : first + length].tolist()
        for group in groups
        for first in range(0, len(group), length)
    ]


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
        _put(store, target.grid_name, encode_png(grid, json.dumps({**run, "pictures": shown})))
        if target.takes_pictures:
            facts = {**run, "pictures": list(made.facts)}
            text = json.dumps(facts, indent=1, ensure_ascii=False)
            _put(store, FACTS_NAME, f"{text}\n".encode())
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
        _put(store, _picture_name(fact["index"]), encode_png(Image.fromarray(picture), facts))
    stands = {_picture_name(fact["index"]) for fact in made.facts}
    for name in store.names(""):
        if PICTURE_NAME.fullmatch(name) and name not in stands and _is_ours(store.root / name):
            store.remove(name)


def _put(store: LocalStore, name: str, data: bytes) -> None:
    spooled = store.spool(name)
    try:
        spooled.write_bytes(data)
        store.put_file(spooled, name)
    except BaseException:
        store.drop(spooled)
        raise


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
