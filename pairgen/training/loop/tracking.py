"""Show the metrics and grids of a training elsewhere too, through accelerate's trackers."""

import logging
import math
import re
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pairgen.errors import ConfigError, PairgenError
from pairgen.redaction import without_secrets, without_secrets_in
from pairgen.training.options import TrainConfig
from pairgen.training.runs.json_file import read_json, write_json
from pairgen.training.tracker_options import AUTO, NONE

# Its extra of pairgen, where it has another name than its package.
EXTRAS = {"tensorboard": "train"}
PROJECT = "pairgen"
# The run of a tracker that a resumed training goes on with.
ID_FILE = "tracker.json"
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

log = logging.getLogger("pairgen")


def tracker_of(config: TrainConfig) -> str:
    """Return the tracker that a run uses.

    Raises:
        ConfigError: Its package is not installed.
    """
    if config.tracker == AUTO:
        return "tensorboard" if config.tensorboard and find_spec("tensorboard") else NONE
    if config.tracker != NONE and find_spec(config.tracker) is None:
        extra = EXTRAS.get(config.tracker, config.tracker)
        raise ConfigError(
            f"tracker {config.tracker} needs the package {config.tracker}: "
            f"pip install 'pairgen[{extra}]'."
        )
    return config.tracker


class Tracking:
    """A tracker of one run; what it cannot take costs the figures there, and never the run.

    Args:
        config: The run's options.
        folder: The run folder.
        first_step: Number of steps already trained.

    Raises:
        ConfigError: The package is not installed.
        PairgenError: The tracker does not start.
    """

    def __init__(self, config: TrainConfig, folder: Path, first_step: int) -> None:
        self.name = tracker_of(config)
        self._tracker: Any = None
        if self.name == NONE:
            return
        try:
            self._tracker = _STARTS[self.name](config, folder, first_step)
        except ConfigError:
            raise
        except Exception as error:
            raise PairgenError(
                f"tracker {self.name} does not start ({without_secrets(str(error))}): fix that, "
                "or continue with --set tracker=none."
            ) from error

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Show the figures after `step` steps; those that are not finite are left out."""
        finite = {name: value for name, value in figures.items() if math.isfinite(value)}
        self._try(lambda tracker: tracker.log(finite, step=step))

    def picture(self, step: int, path: Path) -> None:
        """Show the grid after `step` steps."""
        if self.name == "mlflow":
            self._try(lambda tracker: tracker.log_artifact(str(path), "grids"))
            return
        self._try(lambda tracker: _log_image(tracker, path, step))

    def close(self) -> None:
        """Flush what is pending."""
        self._try(lambda tracker: tracker.finish())

    def _try(self, call: Callable[[Any], None]) -> None:
        if self._tracker is None:
            return
        try:
            call(self._tracker)
        except Exception as error:
            self._tracker = None
            told = without_secrets(str(error))
            log.warning("tracker %s gets nothing more: %s", self.name, told)


def _log_image(tracker: Any, path: Path, step: int) -> None:
    with Image.open(path) as image:
        picture = np.asarray(image.convert("RGB"))
    if tracker.name == "tensorboard":
        tracker.log_images({"grid": picture[None]}, step=step, dataformats="NHWC")
    else:
        tracker.log_images({"grid": [picture]}, step=step)


def _started(tracker: Any) -> Any:
    # Earlier versions of accelerate start it when it is made.
    if hasattr(tracker, "start"):
        tracker.start()
    return tracker


def _start_tensorboard(_: TrainConfig, folder: Path, first_step: int) -> Any:
    from accelerate.tracking import TensorBoardTracker

    # A resumed run hides what it will write again.
    purge_step = first_step + 1 if first_step else None
    return _started(TensorBoardTracker("tensorboard", str(folder), purge_step=purge_step))


def _start_wandb(config: TrainConfig, folder: Path, _: int) -> Any:
    from accelerate.tracking import WandBTracker

    options = {"name": folder.absolute().name, "dir": str(folder), "config": _shown(config)}
    known = _known_id(folder, "wandb")
    tracker = _started(WandBTracker(PROJECT, id=known, resume="allow", **options))
    write_json(folder / ID_FILE, {"tracker": "wandb", "id": tracker.tracker.id})
    return tracker


def _start_mlflow(config: TrainConfig, folder: Path, _: int) -> Any:
    from accelerate.tracking import MLflowTracker

    known = _known_id(folder, "mlflow")
    tracker = _started(MLflowTracker(PROJECT, run_id=known, run_name=folder.absolute().name))
    if known is None:
        tracker.store_init_configuration(_shown(config))
    write_json(folder / ID_FILE, {"tracker": "mlflow", "id": tracker.tracker.info.run_id})
    return tracker


_STARTS: Mapping[str, Callable[[TrainConfig, Path, int], Any]] = {
    "tensorboard": _start_tensorboard,
    "wandb": _start_wandb,
    "mlflow": _start_mlflow,
}


def _shown(config: TrainConfig) -> dict[str, Any]:
    """Return the options as a tracker shows them, without secrets."""
    found: dict[str, Any] = without_secrets_in(config.plain())
    return found


def _known_id(folder: Path, name: str) -> str | None:
    """Return the run that a tracker of this name began for a run folder."""

    def read(held: dict[str, Any]) -> str | None:
        if held["tracker"] != name:
            return None
        if not _ID.fullmatch(held["id"]):
            raise ValueError(f"id is {held['id']!r}")
        return str(held["id"])

    return read_json(folder / ID_FILE, read, "the record of a tracker")
