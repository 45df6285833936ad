"""The training loop: any game, any number of players, one rank or many."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor

from pairgen.config import check_keys
from pairgen.draws import Draws
from pairgen.errors import ConfigError, PairgenError
from pairgen.methods.base import Game
from pairgen.shards.loading.batch import Batch
from pairgen.training.config import TrainConfig, recipe_players
from pairgen.training.loop.checkpoint import save_checkpoint
from pairgen.training.loop.code import NO_CODE, CodeOfTraining
from pairgen.training.loop.game_check import check_disjoint, check_rounds
from pairgen.training.loop.gradients import average_figures, average_gradients
from pairgen.training.loop.metrics import Metrics
from pairgen.training.loop.optimizer import gather_state
from pairgen.training.loop.player import make_player
from pairgen.training.loop.progress import TrainProgress
from pairgen.training.loop.watch import StepWatch

if TYPE_CHECKING:
    from accelerate import Accelerator

AUTOCAST = {"float16": torch.float16, "bfloat16": torch.bfloat16}
MAX_KEYS_SHOWN = 8
FAILED_FILE = "failed_step.json"


class Batches(Protocol):
    """Batches of a rank, epoch by epoch, as from `Loader`."""

    def __iter__(self) -> Iterator[Batch]:
        """Return the rest of the current epoch, or the next one."""
        ...

    def state(self) -> dict[str, Any]:
        """Return the position from which the batches would continue."""
        ...


class Trainer:
    """Steps the players of a game and writes checkpoints.

    Args:
        config: The run's config.
        game: What is trained.
        batches: Batches of this rank.
        folder: The run folder.
        accelerator: Device and ranks.
        files: Files read in addition to the batches: purpose to SHA-256.
        code: The user's own code, which is recorded; None to record none.
    """

    def __init__(
        self,
        config: TrainConfig,
        game: Game,
        batches: Batches,
        folder: Path,
        accelerator: "Accelerator",
        files: Mapping[str, str] | None = None,
        code: CodeOfTraining | None = None,
    ) -> None:
        self.config, self.game, self.batches, self.folder = config, game, batches, folder
        self.accelerator, self.files = accelerator, dict(files or {})
        modules = game.players()
        # A recipe may mention a player that these options leave out.
        known = dict.fromkeys([*modules, *recipe_players(config.method)])
        check_keys(config.players, list(known), "the players")
        self.players = {
            name: make_player(name, module, config.player(name), config.networks(name))
            for name, module in modules.items()
        }
        check_disjoint(self.players)
        half = config.precision == "float16"
        device = accelerator.device.type
        self.scalers = {name: torch.amp.GradScaler(device, enabled=half) for name in modules}
        self.step = 0
        self.seconds = 0.0
        self.code = code or NO_CODE

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.folder / "checkpoints"

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds in addition to tensors."""
        return {
            "loader": self.batches.state(),
            "seconds": round(self.seconds, 3),
            "files": self.files,
            "scalers": {name: scaler.state_dict() for name, scaler in self.scalers.items()},
            **self.code.state,
        }

    def resumed(self, state: Mapping[str, Any]) -> None:
        """Restore a checkpoint's state; tensors and loader are restored already.

        Raises:
            ConfigError: A file has changed since, or the state is that of other players.
        """
        if not isinstance(state.get("files", {}), Mapping):
            raise ConfigError(f"The checkpoint's files must be a mapping, got {state['files']!r}.")
        if state["scalers"].keys() != self.scalers.keys():
            raise ConfigError(
                f"The checkpoint of step {state['step']} in {self.folder} is of the players "
                f"{', '.join(state['scalers'])}, this run has {', '.join(self.scalers)}."
            )
        for name, sha256 in state.get("files", {}).items():
            now = self.files.get(name)
            # A run that it learns from may have been moved: its weights then have another name.
            if sha256 == now or (now is None and sha256 in self.files.values()):
                continue
            raise ConfigError(
                f"{name} names another file than {self.folder} began with: its SHA-256 was "
                f"{sha256[:16]}..., now {f'it is {now[:16]}...' if now else 'none has it'}."
            )
        self.step, self.seconds = state["step"], state["seconds"]
        for name, scaler in self.scalers.items():
            scaler.load_state_dict(state["scalers"][name])

    def train(
        self,
        stop: Callable[[], bool],
        on_grid: Callable[[int], None],
        progress: TrainProgress,
        metrics: Metrics | None,
    ) -> None:
        """Train to the last step, or until stopped; write a checkpoint either way.

        Args:
            stop: Returns whether to stop after the current step.
            on_grid: Called after a step that should have a grid of images.
            progress: Shows the steps.
            metrics: Records the figures; None on all ranks but the first.

        Raises:
            PairgenError: A loss is not finite, or a checkpoint cannot be written.
            CorruptShardError: A shard is bad.
        """
        config = self.config
        watch = StepWatch()
        batches = _endless(self.batches)
        saved = self.step
        # The latest value of each since the last line: not every step has every figure.
        figures: dict[str, Tensor] = {}
        while self.step < config.steps and not self._agreed(stop()):
            rounds = self.game.rounds(self.step)
            check_rounds(rounds, self.players, self.step)
            for number, names in enumerate(rounds):
                with watch.waiting():
                    batch = next(batches).to(self.accelerator.device)
                figures |= self._train_round(self.step, number, names, batch)
            self.game.after_step(self.step)
            self.code.stepped()
            self.step += 1
            self.seconds += watch.lap(len(rounds) * config.batch_size)
            if self.step % config.log_every == 0 or self.step == config.steps:
                latest = {name: float(each) for name, each in figures.items()} | watch.figures()
                progress.show(latest)
                if metrics:
                    metrics.write(self.step, latest)
                figures = {}
            progress.reached(self.step)
            if config.grid_every and self.step % config.grid_every == 0:
                on_grid(self.step)
            if config.checkpoint_every and self.step % config.checkpoint_every == 0:
                self.save()
                saved = self.step
        if saved != self.step:
            self.save()

    def save(self) -> None:
        """Write a checkpoint, on the first rank."""
        # All ranks take part in it.
        optimizers = {
            name: gather_state(player.optimizer, player.parameters)
            for name, player in self.players.items()
        }
        if self.accelerator.is_main_process:
            save_checkpoint(
                self.checkpoints,
                self.step,
                self.players,
                optimizers,
                self.game.kept(),
                self.state(),
                self.config.checkpoints_total_limit,
            )
        self.accelerator.wait_for_everyone()

    def _train_round(
        self, step: int, number: int, names: Sequence[str], batch: Batch
    ) -> dict[str, Tensor]:
        """Step the players of a round; return figures averaged over ranks and micro-batches."""
        playing = [self.players[name] for name in names]
        figures: dict[str, Tensor] = {}
        for player in playing:
            player.optimizer.zero_grad(set_to_none=True)
            figures[f"{player.name}/lr"] = torch.tensor(player.set_lr(step, self.config.steps))
        for part, draws in self._micro_batches(step, number, batch):
            with self._autocast():
                shared = self.game.forward(names, part, draws)
            for place, player in enumerate(playing):
                with self._autocast():
                    loss, extra = self.game.loss(player.name, shared, part, draws)
                named = {"loss": loss.detach(), **extra}
                for name, value in named.items():
                    key = f"{player.name}/{name}"
                    share = value.detach().float() / self.config.accumulate
                    figures[key] = figures[key] + share if key in figures else share
                scaled = self.scalers[player.name].scale(loss / self.config.accumulate)
                # Only for this player, whatever else the loss depends on.
                scaled.backward(
                    inputs=list(player.parameters.values()), retain_graph=place < len(playing) - 1
                )
                # Free its graph: the next player needs the memory.
                del loss, extra, named, value, scaled
        self._check_finite(step, batch, {k: v for k, v in figures.items() if "/loss" in k})
        for player in playing:
            figures[f"{player.name}/grad_norm"] = self._step_player(player.name, step, batch)
        return average_figures(figures, self.accelerator)

    def _step_player(self, name: str, step: int, batch: Batch) -> Tensor:
        player, scaler = self.players[name], self.scalers[name]
        parameters = list(player.parameters.values())
        if all(each.grad is None for each in parameters):
            raise PairgenError(
                f"The loss of the player {name!r} reaches none of its weights at step {step}."
            )
        average_gradients(parameters)
        scaler.unscale_(player.optimizer)
        limit = player.config.clip or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
        if not scaler.is_enabled():
            # In float16 an overflow is expected now and then, and the scaler skips it.
            self._check_finite(step, batch, {f"{name}/grad_norm": norm})
        scaler.step(player.optimizer)
        scaler.update()
        if player.ema is not None:
            player.ema.update(player.parameters, step + 1)
        if self.accelerator.num_processes > 1:
            # As the first rank has them, which is what a checkpoint holds.
            for buffer in player.buffers.values():
                dist.broadcast(buffer, src=0)
        return norm.detach()

    def _micro_batches(self, step: int, number: int, batch: Batch) -> Iterator[tuple[Batch, Draws]]:
        size = len(batch) // self.config.accumulate
        first = self.accelerator.process_index * len(batch)
        for start in range(0, len(batch), size):
            rows = (first + start, first + start + size)
            device, whole = self.accelerator.device, self.config.batch_size
            draws = Draws(self.config.seed, step, *rows, whole, device, number)
            yield batch.rows(start, start + size), draws

    def _autocast(self) -> Any:
        dtype = AUTOCAST.get(self.config.precision)
        return torch.autocast(self.accelerator.device.type, dtype, enabled=dtype is not None)

    def _check_finite(self, step: int, batch: Batch, figures: Mapping[str, Tensor]) -> None:
        """Stop on all ranks if a figure of any rank is not finite; report the batch."""
        bad = [name for name, value in figures.items() if not bool(torch.isfinite(value).all())]
        if not self._agreed(bool(bad)):
            return
        rank = self.accelerator.process_index
        keys = list(batch.keys)
        found = {"step": step, "rank": rank, "figures": bad, "sets": batch.sets.tolist()}
        path = self.folder / (FAILED_FILE if rank == 0 else f"rank{rank}_{FAILED_FILE}")
        path.write_text(json.dumps({**found, "keys": keys}, indent=2), encoding="utf-8")
        more = f" and {len(keys) - MAX_KEYS_SHOWN} more" if len(keys) > MAX_KEYS_SHOWN else ""
        raise PairgenError(
            f"{', '.join(bad) or 'A figure of another rank'} is not finite at step {step}, whose "
            f"batch holds {', '.join(keys[:MAX_KEYS_SHOWN])}{more} (all in {path}); the last "
            "checkpoint is intact."
        )

    def _agreed(self, flag: bool) -> bool:
        """Whether the flag is set on any rank."""
        if self.accelerator.num_processes == 1:
            return flag
        total = torch.tensor(float(flag), device=self.accelerator.device)
        dist.all_reduce(total)
        return bool(total > 0)


def _endless(batches: Batches) -> Iterator[Batch]:
    while True:
        yield from batches
