"""One of the trainings that a run is made of: stepped and kept by the trainer of students."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.generate.run import stop_on_signal
from pairgen.methods.base import Method
from pairgen.shards.batch import Batch
from pairgen.shards.loader import Loader
from pairgen.training.checkpoint import find_checkpoints, load_checkpoint, read_state
from pairgen.training.config import TrainConfig
from pairgen.training.metrics import Metrics
from pairgen.training.progress import TrainProgress
from pairgen.training.trainer import Trainer

if TYPE_CHECKING:
    from accelerate import Accelerator

STOPPING = "Stopping after this step; Ctrl-C again stops now."


class Stage(Protocol):
    """What the trainer asks of a method, but for the student: none comes out."""

    def players(self) -> Mapping[str, nn.Module]:
        """Return the networks that are trained, by name."""
        ...

    def turns(self, step: int) -> Sequence[str]:
        """Return the players that step in a training step."""
        ...

    def forward(self, batch: Batch, draws: Draws) -> Any:
        """Return what the players of a step share."""
        ...

    def loss(
        self, player: str, shared: Any, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss, a scalar, and figures to be logged, scalars."""
        ...

    def after_step(self, step: int) -> None:
        """Do what follows a step."""
        ...

    def kept(self) -> Mapping[str, nn.Module]:
        """Return what changes without being trained."""
        ...


def open_stage(
    config: TrainConfig,
    stage: Stage,
    open_batches: Callable[[Mapping[str, Any] | None], Any],
    folder: Path,
    accelerator: "Accelerator",
) -> Trainer:
    """Return what trains a stage, at its beginning or where its last checkpoint stands.

    Nothing is written.

    Args:
        config: Of the stage.
        stage: What is trained.
        open_batches: Gives the batches, as `Loader` does, from the state of a loader on; from the
            beginning for None.
        folder: Where its metrics and checkpoints lie.
        accelerator: The device.

    Raises:
        ConfigError: The batches, a player's options or the optimizer do not fit, or a checkpoint
            cannot be read.
    """
    found = find_checkpoints(folder / "checkpoints")
    state = read_state(found[-1]) if found else None
    batches = open_batches(state["loader"] if state else None)
    # Structural: the trainer iterates the batches, asks for their state, and for no student.
    trainer = Trainer(config, cast(Method, stage), cast(Loader, batches), folder, accelerator)
    if state is not None:
        load_checkpoint(found[-1], trainer.players, stage.kept())
        trainer.resumed(state)
    return trainer


def run_stage(trainer: Trainer) -> int:
    """Train an opened stage to its last step, or until the user stops; return the steps done.

    Args:
        trainer: From `open_stage`.

    Raises:
        PairgenError: A loss is not finite, or a checkpoint cannot be written.
        CorruptShardError: A shard is bad.
    """
    config = trainer.config
    trainer.folder.mkdir(parents=True, exist_ok=True)
    progress = TrainProgress(config.steps, trainer.step, quiet=False)
    metrics = Metrics(trainer.folder, trainer.step, config.tensorboard)
    try:
        with stop_on_signal(progress, STOPPING) as stop:
            trainer.train(stop.is_set, lambda _: None, progress, metrics)
    finally:
        progress.close()
        metrics.close()
    return trainer.step
