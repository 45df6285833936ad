"""One of the trainings of a run, executed by the student trainer."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.execution.run import stop_on_signal
from pairgen.methods.base import Game
from pairgen.training.loop.checkpoint import find_checkpoints, load_checkpoint, read_state
from pairgen.training.loop.metrics import Metrics
from pairgen.training.loop.progress import STOPPING, TrainProgress
from pairgen.training.loop.tracking import Tracking
from pairgen.training.loop.trainer import Batches, Trainer
from pairgen.training.options import TrainConfig

if TYPE_CHECKING:
    from accelerate import Accelerator


def open_stage(
    config: TrainConfig,
    stage: Game,
    open_batches: Callable[[Mapping[str, Any] | None], Batches],
    folder: Path,
    accelerator: "Accelerator",
) -> Trainer:
    """Return the trainer of a stage, at its beginning or at its last checkpoint.

    Nothing is written.

    Args:
        config: Config of the stage.
        stage: What to train.
        open_batches: Returns the batches from a given state on; None for the beginning.
        folder: Folder for metrics and checkpoints.
        accelerator: The device.

    Raises:
        ConfigError: The batches, a player's options or the optimizer do not fit, or a checkpoint
            cannot be read.
    """
    found = find_checkpoints(folder / "checkpoints")
    state = read_state(found[-1]) if found else None
    batches = open_batches(state["loader"] if state else None)
    trainer = Trainer(config, stage, batches, folder, accelerator)
    if state is not None:
        load_checkpoint(found[-1], trainer.players, stage.kept(), state)
        trainer.resumed(state)
    return trainer


def run_stage(trainer: Trainer) -> int:
    """Train an opened stage to its last step, or until the user stops; return the steps done.

    Args:
        trainer: Trainer from `open_stage`.

    Raises:
        PairgenError: A loss is not finite, or a checkpoint cannot be written.
        CorruptShardError: A shard is bad.
    """
    config = trainer.config
    trainer.folder.mkdir(parents=True, exist_ok=True)
    progress = TrainProgress(config.steps, trainer.step, quiet=False)
    tracking = Tracking(config, trainer.folder, trainer.step)
    metrics = Metrics(trainer.folder, trainer.step, tracking)
    try:
        with stop_on_signal(progress, STOPPING) as stop:
            trainer.train(stop.is_set, lambda _: None, progress, metrics)
    finally:
        progress.close()
        metrics.close()
    return trainer.step
