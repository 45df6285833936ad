"""The options of `pairgen train`: one name in the flag, the config file and the Python call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pairgen import config
from pairgen.config import packaged_configs, read_yaml
from pairgen.errors import ConfigError
from pairgen.kinds.run_options import MAX_CPU_THREADS

PRECISIONS = ("float32", "float16", "bfloat16")
LR_SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adamw", "adamw8bit", "sharded")
# What a run may do otherwise when it is continued; all else is the run's identity.
CHANGEABLE = (
    "out",
    "resume",
    "accumulate",
    "checkpoint_every",
    "checkpoints_total_limit",
    "cpu_threads",
    "gradient_checkpointing",
    "grid_every",
    "log_every",
    "skip_bad",
    "steps",
    "tensorboard",
)


@dataclass(frozen=True, kw_only=True)
class PlayerConfig:
    """How one player is optimised.

    Attributes:
        optimizer: `adamw`; `adamw8bit`, which keeps its moments in 8 bits; or `sharded`, of which
            each rank keeps the moments of a part of the weights.
        lr: Learning rate of AdamW.
        warmup_steps: Over which it rises from 0.
        lr_schedule: `constant`, or `cosine` down to 0 at the last step.
        betas: Of AdamW.
        weight_decay: Of AdamW.
        clip: Largest norm of the gradient; 0 for none.
        ema_decay: Of an average of the weights, which is then what is exported; 0 for none.
        lora_rank: Rank of adapters that are trained instead of the network; 0 for none.
    """

    optimizer: str = "adamw"
    lr: float = 1e-5
    warmup_steps: int = 0
    lr_schedule: str = "constant"
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.01
    clip: float = 1.0
    ema_decay: float = 0.0
    lora_rank: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainConfig(PlayerConfig):
    """Every option of `pairgen train`, checked. Those of `PlayerConfig` are for every player.

    Attributes:
        method: Member of `pairgen/methods/`, or a dotted name.
        data: Folders or URLs of datasets.
        out: Folder of the run; empty for `runs/METHOD-MODEL`.
        model: What students start from; empty for the teacher of the first dataset.
        steps: Training steps.
        batch_size: Samples of a step, over all ranks and micro-batches.
        accumulate: Micro-batches that a rank makes of its part of a step.
        precision: `float32`, or autocast to `bfloat16` or `float16`; weights stay in float32.
        seed: Of order and draws.
        options: Of the method, by name.
        players: Player to options of `PlayerConfig` that differ from the others'.
        guidance_embedding: Tell the student the guidance scale of each sample.
        where: Condition over columns of the index.
        window: Shards of a set that are mixed with each other.
        data_parts: Parts that the order of samples is cut into; the number of ranks must divide
            it, now and when the run is continued. 0 for the number of ranks at the beginning.
        allow_shared_noise: Mix sets that have the same noises.
        skip_bad: Leave out bad shards and log each.
        checkpoint_every: Steps between checkpoints; 0 for one at the end.
        checkpoints_total_limit: Checkpoints that are kept, the newest; 0 for all.
        grid_every: Steps between validation grids; 0 for one at the end.
        num_grid_prompts: Prompts of a grid.
        log_every: Steps between lines of metrics.
        tensorboard: Write the metrics for tensorboard too.
        gradient_checkpointing: Compute activations twice instead of keeping them.
        cpu_threads: Threads of torch in every process; 0 for those that the run began with, and at
            its beginning for torch's own choice.
        resume: Continue from the last checkpoint.
    """

    method: str
    data: tuple[str, ...]
    out: str = ""
    model: str = ""
    steps: int = 10_000
    batch_size: int = 64
    accumulate: int = 1
    precision: str = "float32"
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    players: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    guidance_embedding: bool = False
    where: str = ""
    window: int = 8
    data_parts: int = 0
    allow_shared_noise: bool = False
    skip_bad: bool = False
    checkpoint_every: int = 1_000
    checkpoints_total_limit: int = 2
    grid_every: int = 1_000
    num_grid_prompts: int = 8
    log_every: int = 10
    tensorboard: bool = True
    gradient_checkpointing: bool = False
    cpu_threads: int = 0
    resume: bool = False

    def player(self, name: str) -> PlayerConfig:
        """Return the options of one player."""
        shared = {key: getattr(self, key) for key in config.field_names(PlayerConfig)}
        return PlayerConfig(**{**shared, **self.players.get(name, {})})

    def identity(self) -> dict[str, Any]:
        """Return what a continued run must have in common with its beginning, as plain data."""
        return config.plain_options(self, without=CHANGEABLE)


def make_train_config(given: Mapping[str, Any]) -> TrainConfig:
    """Fill in the method's recipe and check everything.

    `name: value` for a name that is no option here is an option of the method, and
    `player.name: value` one of a player.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    if not given.get("method"):
        raise ConfigError("method must be given, such as regression.")
    recipe, own = _split(_recipe(str(given["method"]))), _split(given)
    # One by one: a run that is continued gives the options of its method in one mapping.
    merged = {
        **recipe,
        **own,
        "options": {**recipe["options"], **own["options"]},
        "players": {
            name: {**recipe["players"].get(name, {}), **own["players"].get(name, {})}
            for name in {**recipe["players"], **own["players"]}
        },
    }
    if not merged.get("data"):
        raise ConfigError("data must name at least one dataset.")
    return TrainConfig(**{name: check_option(name, value) for name, value in merged.items()})


def _recipe(method: str) -> dict[str, Any]:
    """Return what `configs/train/` says of a method; nothing for a method without a file."""
    path = packaged_configs() / "train" / f"{method}.yaml"
    return read_yaml(path) if path.is_file() else {}


def recipe_players(method: str) -> list[str]:
    """Return the players that the recipe of a method has options for."""
    return list(_recipe(method).get("players") or {})


def _split(given: Mapping[str, Any]) -> dict[str, Any]:
    """Sort names into options of the run, of its players and of its method."""
    known = config.field_names(TrainConfig)
    merged: dict[str, Any] = {}
    options = dict(_mapping("options", given.get("options") or {}))
    players = {
        name: dict(_mapping(f"players.{name}", value or {}))
        for name, value in _mapping("players", given.get("players") or {}).items()
    }
    for name, value in given.items():
        player, dot, key = name.partition(".")
        if dot:
            players.setdefault(player, {})[key] = value
        elif name in known:
            merged[name] = value
        else:
            options[name] = value
    return {**merged, "options": options, "players": players}


def check_option(name: str, value: Any) -> Any:
    """Return the checked value of one option.

    Raises:
        ConfigError: The value is not allowed.
    """
    match name:
        case "data":
            values = [value] if isinstance(value, str) else value
            if not isinstance(values, list | tuple):
                raise ConfigError(f"data must be folders or URLs, got {value!r}.")
            return tuple(config.text(name, each) for each in values)
        case "steps" | "batch_size" | "accumulate" | "window" | "log_every":
            return config.integer(name, value, 1)
        case "checkpoint_every" | "checkpoints_total_limit" | "grid_every" | "data_parts":
            return config.integer(name, value, 0)
        case "num_grid_prompts":
            return config.integer(name, value, 1, 64)
        case "seed":
            return config.integer(name, value, 0, 2**63 - 1)
        case "cpu_threads":
            return config.integer(name, value, 0, MAX_CPU_THREADS)
        case "precision":
            return config.choice(name, value, PRECISIONS)
        case (
            "guidance_embedding"
            | "allow_shared_noise"
            | "skip_bad"
            | "tensorboard"
            | "gradient_checkpointing"
            | "resume"
        ):
            return config.boolean(name, value)
        case "options":
            return value
        case "players":
            known = config.field_names(PlayerConfig)
            for player, options in value.items():
                config.check_keys(options, known, f"the options of the player {player!r}")
            return {
                player: {
                    key: check_player_option(key, each, f"{player}.{key}")
                    for key, each in options.items()
                }
                for player, options in value.items()
            }
        case "method" | "out" | "model" | "where":
            return config.text(name, value)
        case _:
            return check_player_option(name, value)


def check_player_option(name: str, value: Any, told: str = "") -> Any:
    """Return the checked value of an option of `PlayerConfig`.

    Args:
        name: Of the option.
        value: As given.
        told: What a refusal calls it; empty for its name.

    Raises:
        ConfigError: The value is not allowed.
    """
    told = told or name
    match name:
        case "optimizer":
            return config.choice(told, value, OPTIMIZERS)
        case "lr":
            return config.number(told, value, 0.0, 10.0)
        case "warmup_steps" | "lora_rank":
            return config.integer(told, value, 0)
        case "lr_schedule":
            return config.choice(told, value, LR_SCHEDULES)
        case "betas":
            betas = tuple(value) if isinstance(value, list | tuple) else ()
            if len(betas) != 2:
                raise ConfigError(f"{told} must be two numbers in [0, 1), got {value!r}.")
            return tuple(config.number(f"Each of {told}", each, 0.0, 0.999999) for each in betas)
        case "weight_decay":
            return config.number(told, value, 0.0, 10.0)
        case "clip":
            return config.number(told, value, 0.0, 1e9)
        case _:
            return config.number(told, value, 0.0, 1.0)


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{name} must hold `key: value` lines, got {value!r}.")
    return value
