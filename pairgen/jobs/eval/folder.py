"""The folder of an evaluation: figures, grid and page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen.drawing.pictures import encode_png
from pairgen.errors import ConfigError
from pairgen.jobs.eval.evaluation import Evaluation
from pairgen.jobs.eval.options import EvalConfig
from pairgen.jobs.eval.page import eval_page, grid_image
from pairgen.option_names import option_text
from pairgen.shards.storage.local_store import LocalStore

FIGURES_FILE, GRID_FILE, PAGE_FILE = "eval.json", "grid.png", "index.html"


def find_folder(config: EvalConfig, is_run: bool) -> Path:
    """Return the output folder, which is new, empty, or from an earlier evaluation.

    Raises:
        ConfigError: It holds something else, or must be given.
    """
    if not config.out and not is_run:
        raise ConfigError(
            f"{option_text('out')} must be given, because {config.run} is not a run folder."
        )
    folder = Path(config.out or Path(config.run) / "eval").expanduser().absolute()
    if "://" in config.out:
        raise ConfigError(f"{option_text('out')} must be a local folder, got {config.out!r}.")
    store = LocalStore(folder)
    store.check_writable()
    if folder.is_dir() and any(folder.iterdir()) and not _is_ours(store):
        raise ConfigError(f"{folder} holds other files: give another --out.")
    return folder


def _is_ours(store: LocalStore) -> bool:
    """Whether the folder holds an earlier evaluation."""
    try:
        found = json.loads(store.read_bytes(FIGURES_FILE))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and "pairgen" in found


def write_folder(folder: Path, figures: Mapping[str, Any], found: Evaluation) -> None:
    """Write the figures first, which mark the folder as ours, then grid and page."""
    # Make everything before writing the first byte.
    grid = encode_png(grid_image(found.bands, found.captions))
    page = eval_page(figures, found)
    text = json.dumps(figures, indent=1, ensure_ascii=False, allow_nan=False)
    store = LocalStore(folder)
    store.put_bytes(FIGURES_FILE, f"{text}\n".encode())
    store.put_bytes(GRID_FILE, grid)
    store.put_bytes(PAGE_FILE, page.encode())
    store.prune()
