"""The options of `pairgen ode`: one name in the flag, the config file and the Python call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen import config
from pairgen.kinds.run_options import EXECUTORS, MAX_CPU_THREADS
from pairgen.model_config import DTYPES, GUIDANCE_SCALES
from pairgen.sampling.grid import ENDS, check_spacing
from pairgen.sampling.solvers import SOLVERS
from pairgen.sources.prompt_choice import Choice
from pairgen.types import Plan

NOISE_MODES = ("stored", "seed")
LONG_PROMPTS = ("truncate", "reject")

# How a run is carried out; a resumed folder does not remember these.
RUN_OPTIONS = (
    "out",
    "prompts",
    "column",
    "dedupe",
    "shuffle",
    "limit",
    "from_calibration",
    "max_rejected",
    "executor",
    "num_workers",
    "gpus_per_worker",
    "address",
)


@dataclass(frozen=True, kw_only=True)
class OdeConfig:
    """Every option of `pairgen ode`, checked.

    Attributes:
        model: A name under `configs/models/`, a folder in diffusers layout, or a hub id.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        cfg: Guidance scales, one or several: each pair is sampled at every one of them.
        negative_prompt: What guidance leads away from.
        prompts: Files, globs, folders, or `-` for standard input, in order; empty for the packaged
            set. What they may be: `pairgen.sources.prompt_files`.
        column: Column of the prompts; empty for the usual one.
        dedupe: Whether of equal prompts only the first is kept.
        shuffle: Whether the prompts are put in an order that the seed draws.
        limit: How many prompts are kept at most, after the two above; 0 for all.
        num_samples: Samples in the set; 0 for one for each prompt and guidance scale.
        out: Folder or URL of the dataset; empty for `data/ode-{model}`.
        steps: Transitions of the solver.
        solver: `ddim`, `dpmpp_2m` or `heun`.
        spacing: `leading`, `trailing`, `linspace` or `logsnr`.
        end: `t0` or `clean`.
        trajectory: Times whose states are stored as `path.npy`, largest first.
        noise: `stored`, or `seed` to leave `noise.npy` out.
        store_embeddings: Whether prompt embeddings are stored.
        samples_per_shard: 0 for the model's number.
        batch_size: 0 for the model's number.
        dtype: Of the network; empty for the model's.
        seed: Of the dataset.
        long_prompts: `truncate` as the teacher does, or `reject`.
        max_rejected: Share of refused inputs above which the exit code is 3.
        compile: Whether the network is compiled.
        cpu_threads: Threads of torch in every worker.
        from_calibration: File of `pairgen calibrate`, or its folder: gives solver, spacing, steps,
            end and dtype where they are not given; empty for none.
        executor: `serial`, `ray`, or `auto`: ray if RAY_ADDRESS is set or several GPUs are seen.
        num_workers: Ray actors; 0 for as many as the cluster has room for.
        gpus_per_worker: GPUs an actor takes, where there are any.
        address: Of a running Ray cluster; empty for RAY_ADDRESS, or a local one.
    """

    model: str = "tiny"
    revision: str = ""
    cfg: tuple[float, ...] = (7.5,)
    negative_prompt: str = ""
    prompts: tuple[str, ...] = ()
    column: str = ""
    dedupe: bool = False
    shuffle: bool = False
    limit: int = 0
    num_samples: int = 0
    out: str = ""
    steps: int = 50
    solver: str = "ddim"
    spacing: str = "trailing"
    end: str = "t0"
    trajectory: tuple[float, ...] = ()
    noise: str = "stored"
    store_embeddings: bool = False
    samples_per_shard: int = 0
    batch_size: int = 0
    dtype: str = ""
    seed: int = 0
    long_prompts: str = "truncate"
    max_rejected: float = 0.01
    compile: bool = False
    cpu_threads: int = 1
    from_calibration: str = ""
    executor: str = "auto"
    num_workers: int = 0
    gpus_per_worker: float = 1.0
    address: str = ""

    @property
    def choice(self) -> Choice:
        """Which prompts are taken."""
        return Choice(self.dedupe, self.shuffle, self.limit, self.seed)

    def remembered(self) -> dict[str, Any]:
        """Return what a resumed folder remembers, as plain data."""
        return config.plain_options(self, without=RUN_OPTIONS)


def make_ode_config(options: Mapping[str, Any]) -> OdeConfig:
    """Check options from a command line, a file or a call.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    config.check_keys(options, config.field_names(OdeConfig), "the options of pairgen ode")
    checked = {name: check_option(name, value) for name, value in options.items()}
    return OdeConfig(**checked)


def continued_options(plan: Plan, given: Mapping[str, Any]) -> OdeConfig:
    """Return the options that a set was made with, but for those that are given.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    return make_ode_config({**plan.resolved["options"], **given})


def check_option(name: str, value: Any) -> Any:
    """Return the checked value of one option.

    Raises:
        ConfigError: The value is not allowed.
    """
    match name:
        case "cfg":
            scales = config.numbers(name, value, *GUIDANCE_SCALES)
            if not scales:
                raise config.ConfigError("cfg needs at least one guidance scale.")
            return scales
        case "trajectory":
            return tuple(sorted(config.numbers(name, value, 0.0, 1e6), reverse=True))
        case "prompts":
            values = value if isinstance(value, list | tuple) else [value]
            if "" in values:
                # As a script's unset variable gives it: not a wish for the default.
                raise config.ConfigError(f"{name} must not be empty: leave it out for the default.")
            return tuple(config.text(name, entry) for entry in values)
        case "limit":
            return config.integer(name, value, 1, 10**9)
        case "num_samples":
            # Keys have nine digits.
            return config.integer(name, value, 0, 10**9)
        case "steps":
            return config.integer(name, value, 1)
        case "cpu_threads":
            return config.integer(name, value, 1, MAX_CPU_THREADS)
        case "samples_per_shard" | "batch_size" | "num_workers":
            return config.integer(name, value, 0)
        case "seed":
            return config.integer(name, value, 0, 2**63 - 1)
        case "max_rejected":
            return config.number(name, value, 0.0, 1.0)
        case "gpus_per_worker":
            return config.number(name, value, 0.0, 1024.0)
        case "solver":
            return config.choice(name, value, tuple(SOLVERS))
        case "spacing":
            return check_spacing(config.text(name, value))
        case "end":
            return config.choice(name, value, ENDS)
        case "noise":
            return config.choice(name, value, NOISE_MODES)
        case "long_prompts":
            return config.choice(name, value, LONG_PROMPTS)
        case "executor":
            return config.choice(name, value, EXECUTORS)
        case "dtype":
            return value if value == "" else config.choice(name, value, DTYPES)
        case "store_embeddings" | "compile" | "dedupe" | "shuffle":
            return config.boolean(name, value)
        case _:
            return config.text(name, value)
