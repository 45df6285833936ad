"""The options of `pairgen train`."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field

from pairgen.config import mapping
from pairgen.kinds.run_options import MAX_CPU_THREADS, AcceptChangedCode
from pairgen.list_rules import Places
from pairgen.options import Option, names
from pairgen.rules import SEED, Checked, Choice, Integer, Place, Switch, Text
from pairgen.training.player_names import (
    check_player_option,
    checked_players,
    flattened_players,
    nested_players,
    network_configs,
    player_config,
)
from pairgen.training.player_options import METHODS_ELSE, NetworkConfig, PlayerConfig
from pairgen.training.tracker_options import AUTO, TensorBoard, Tracker

PRECISIONS = ("float32", "bfloat16", "float16")


class TrainConfig(PlayerConfig):
    """Every option of `pairgen train`, checked. Those of `PlayerConfig` apply to all players."""

    command = "pairgen train"

    method: Annotated[
        str,
        Text(),
        Option(
            "Method: add, codi, diffusion2gan, ladd, latent-lpips, osediff, reflow, regression, "
            "yonos, yonos-decoder, or the name or file of your own module.",
            "Training",
            "identity",
            metavar="METHOD",
            missing="must be given, such as regression.",
        ),
    ]
    data: Annotated[
        tuple[str, ...],
        Places("folders or URLs"),
        Option(
            "Dataset to train on; repeatable.",
            "Data",
            "identity",
            missing="must name at least one dataset.",
        ),
    ]
    out: Annotated[
        str,
        Place(),
        Option("Output folder of the run.", "Output", metavar="RUN", default="runs/METHOD-MODEL"),
    ] = ""
    model: Annotated[
        str,
        Place(),
        Option(
            "Model to initialize the student from.",
            "Model",
            "identity",
            metavar="NAME|PATH|HUB_ID",
            default="the dataset's teacher",
        ),
    ] = ""
    steps: Annotated[
        int, Integer(1), Option("Training steps: updates of the student.", "Training", "remembered")
    ] = 10_000
    batch_size: Annotated[
        int,
        Integer(1),
        Option(
            "Samples per batch of a step, over all processes and micro-batches.",
            "Training",
            "identity",
            metavar="B",
            default="the method's default",
        ),
    ] = 64
    accumulate: Annotated[
        int,
        Integer(1),
        Option(
            "Micro-batches per process and step (gradient accumulation).",
            "Training",
            "remembered",
        ),
    ] = 1
    precision: Annotated[
        str,
        Choice(PRECISIONS),
        Option("Compute precision.", "Compute", "identity", default=f"{METHODS_ELSE} float32"),
    ] = "float32"
    seed: Annotated[
        int,
        SEED,
        Option("Random seed of the training run.", "Training", "identity", metavar="S"),
    ] = 0
    options: Annotated[
        Mapping[str, Any],
        Checked(mapping, {"type": ["object", "null"]}, "Mapping[str, Any]"),
        Option("Options of the method, by name.", "Training", "identity", flag=False),
    ] = Field(default_factory=dict)
    players: Annotated[
        Mapping[str, Mapping[str, Any]],
        Checked(checked_players, {"type": ["object", "null"]}, "Mapping[str, Mapping[str, Any]]"),
        Option(
            "Options of individual players, such as the discriminator, and of their networks, by "
            "name.",
            "Training",
            "identity",
            flag=False,
        ),
    ] = Field(default_factory=dict)
    guidance_embedding: Annotated[
        bool,
        Switch(),
        Option(
            "Condition the student on the guidance scale of each sample.", "Training", "identity"
        ),
    ] = False
    where: Annotated[
        str,
        Text(),
        Option(
            "Train only on samples that match, such as 'guidance_scale == 8'.",
            "Data",
            "identity",
            metavar="EXPR",
        ),
    ] = ""
    window: Annotated[
        int,
        Integer(1),
        Option(
            "Number of shards of a dataset whose samples are shuffled together.",
            "Data",
            "identity",
            flag=False,
        ),
    ] = 8
    crop: Annotated[
        int,
        Integer(0),
        Option(
            "Side of random crops, in pixels of the largest image that the method reads; smaller "
            "images are cropped to the same part.",
            "Training",
            "identity",
            default="0: whole images",
            flag=False,
        ),
    ] = 0
    flip: Annotated[
        bool,
        Switch(),
        Option(
            "Flip each sample left to right with probability 1/2, all of its images together.",
            "Training",
            "identity",
            flag=False,
        ),
    ] = False
    data_parts: Annotated[
        int,
        Integer(0),
        Option(
            "Number of parts that the order of samples is divided into. It must be a multiple of "
            "the number of processes, also when you resume the run with another number.",
            "Training",
            "identity",
            default="the number of processes",
            flag=False,
        ),
    ] = 0
    allow_shared_noise: Annotated[
        bool,
        Switch(),
        Option(
            "Allow several datasets whose noise was drawn from the same seed.",
            "Data",
            "identity",
            flag=False,
        ),
    ] = False
    skip_bad: Annotated[
        bool,
        Switch(),
        Option("Skip damaged shards and log each one.", "Data", "remembered"),
    ] = False
    checkpoint_every: Annotated[
        int,
        Integer(0),
        Option(
            "Steps between checkpoints.",
            "Output",
            "remembered",
            default="1,000; 0: only at the end",
        ),
    ] = 1_000
    checkpoints_total_limit: Annotated[
        int,
        Integer(0),
        Option(
            "Number of newest checkpoints to keep; 0 for all.", "Output", "remembered", flag=False
        ),
    ] = 2
    grid_every: Annotated[
        int,
        Integer(0),
        Option(
            "Steps between validation grids.",
            "Output",
            "remembered",
            default="1,000; 0: only at the end",
        ),
    ] = 1_000
    num_grid_prompts: Annotated[
        int,
        Integer(1, 64),
        Option("Prompts or images in a validation grid.", "Output", "identity", flag=False),
    ] = 8
    log_every: Annotated[
        int,
        Integer(1),
        Option("Steps between log lines with metrics.", "Output", "remembered", flag=False),
    ] = 10
    tracker: Tracker = AUTO
    tensorboard: TensorBoard = True
    gradient_checkpointing: Annotated[
        bool,
        Switch(),
        Option(
            "Recompute activations in the backward pass instead of storing them.",
            "Compute",
            "remembered",
            flag=False,
        ),
    ] = False
    cpu_threads: Annotated[
        int,
        Integer(0, MAX_CPU_THREADS),
        Option(
            "CPU threads of every process.",
            "Compute",
            "remembered",
            default="the number that the run started with, which is torch's choice",
            flag=False,
        ),
    ] = 0
    accept_changed_code: AcceptChangedCode = False
    resume: Annotated[bool, Switch(), Option("Resume from the last checkpoint.", "Training")] = (
        False
    )

    def player(self, name: str) -> PlayerConfig:
        """Return the options of one player."""
        return player_config(self, self.players, name)

    def networks(self, player: str) -> dict[str, NetworkConfig]:
        """Return the options of the networks of a player that has options for them."""
        return network_configs(self, self.players, player)

    @classmethod
    def flattened(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return every option under one name: `steps`, `options.distance`, `players.critic.lr`.

        A name that is not an option here belongs to the method, and `critic.lr` to a player; both
        may also come in the mappings `options` and `players`.
        """
        flat: dict[str, Any] = {}
        for name, value in mapping("options", given.get("options")).items():
            flat[f"options.{name}"] = value
        for name, value in flattened_players(given.get("players")).items():
            flat[f"players.{name}"] = value
        for name, value in given.items():
            if "." in name:
                flat[f"players.{name}"] = value
            elif name not in cls.model_fields:
                flat[f"options.{name}"] = value
            elif name not in ("options", "players"):
                flat[name] = value
        return flat

    @classmethod
    def check(cls, name: str, value: Any, called: str = "") -> Any:
        """Return the checked value of one option; options of the method are checked there."""
        kind, _, own = name.partition(".")
        if not own:
            return super().check(name, value, called)
        return value if kind == "options" else check_player_option(own, value)

    @classmethod
    def from_flat(cls, values: Mapping[str, Any]) -> Self:
        """Build the options from values returned by `flattened`."""
        found: dict[str, dict[str, Any]] = {"": {}, "options": {}, "players": {}}
        for name, value in values.items():
            kind, dot, own = name.partition(".")
            found[kind if dot else ""][own if dot else name] = value
        players = nested_players(found["players"])
        return cls(**found[""], options=found["options"], players=players)

    def identity(self) -> dict[str, Any]:
        """Return what must not change when a run is resumed, as plain data."""
        return self.plain(without=names(TrainConfig, "remembered", "run"))
