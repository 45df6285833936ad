"""A model to judge: what it is, and what is known of its training."""

from dataclasses import dataclass
from pathlib import Path

from pairgen.model_config import MODEL_FILE, ModelConfig, find_model
from pairgen.training.runs.record import TrainRecord, read_record


@dataclass(frozen=True)
class Judged:
    """A model to judge.

    Attributes:
        path: The model as given.
        model: The resolved model.
        record: Record of its training; None for a model that is not a run.
        is_run: Whether it is a run of `pairgen train`.
    """

    path: str
    model: ModelConfig
    record: TrainRecord | None
    is_run: bool

    @property
    def kind(self) -> str:
        """Name of its row; a model from text that is no run is treated as a teacher."""
        if self.is_run:
            return "student"
        return "teacher given" if self.model.image is None else "model given"


def find_judged(run: str) -> Judged:
    """Resolve RUN.

    Raises:
        ConfigError: It is not a model, or its training is not finished.
    """
    folder = Path(run).expanduser()
    is_run = (folder / MODEL_FILE).is_file()
    # By its path: a packaged model may have the same name.
    model = find_model(str(folder.absolute()) if is_run else run)
    return Judged(run, model, read_record(folder) if is_run else None, is_run)
