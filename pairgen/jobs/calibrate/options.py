"""The options of `pairgen calibrate`: one name in the flag, the config file and the Python call.

Names, defaults and checks of what `pairgen ode` takes too are those of `OdeConfig`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.kinds.ode.options import OdeConfig, check_option
from pairgen.kinds.ode.settings import Setting
from pairgen.model_config import DTYPES
from pairgen.sampling.grid import SPACINGS
from pairgen.sampling.solvers import SOLVERS
from pairgen.sources.prompt_choice import Choice

# What a sample of a dataset depends on beside the setting; the same names in `pairgen ode`.
SHARED_OPTIONS = (
    "model",
    "revision",
    "cfg",
    "negative_prompt",
    "end",
    "batch_size",
    "seed",
    "cpu_threads",
)
# The converged ODE is approached by the solver that costs most and a grid that shows its order.
REFERENCE_SOLVER, REFERENCE_SPACING, REFERENCE_DTYPE = "heun", "logsnr", "float32"


@dataclass(frozen=True, kw_only=True)
class CalibrateConfig:
    """Every option of `pairgen calibrate`, checked.

    Attributes:
        model: A name under `configs/models/`, a folder in diffusers layout, or a hub id.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        cfg: Guidance scales, one or several: each pair is sampled at every one of them.
        negative_prompt: What guidance leads away from.
        prompts: As for `pairgen ode`; so are `column`, `dedupe`, `shuffle` and `limit`.
        column: Column of the prompts; empty for the usual one.
        dedupe: Whether of equal prompts only the first is kept.
        shuffle: Whether the prompts are put in an order that the seed draws.
        limit: How many prompts are kept at most, after the two above; 0 for all.
        num_prompts: The first so many pairs of prompt and noise of a dataset.
        out: Folder or URL of what is found; empty for `data/calibration-{model}`.
        solvers: What is measured, SOLVER/SPACING.
        steps: At which each of them is measured.
        dtypes: Of the network; none for the model's own and float32.
        end: `t0` or `clean`, of all settings and of the reference.
        reference_steps: Of the reference, heun/logsnr in float32; it is measured at half too.
        tolerance: Largest median error, as a share.
        batch_size: 0 for the model's number.
        seed: Of the noises.
        cpu_threads: Threads of torch.
    """

    model: str = OdeConfig.model
    revision: str = OdeConfig.revision
    cfg: tuple[float, ...] = OdeConfig.cfg
    negative_prompt: str = OdeConfig.negative_prompt
    prompts: tuple[str, ...] = OdeConfig.prompts
    column: str = OdeConfig.column
    dedupe: bool = OdeConfig.dedupe
    shuffle: bool = OdeConfig.shuffle
    limit: int = OdeConfig.limit
    num_prompts: int = 64
    out: str = ""
    solvers: tuple[str, ...] = (
        "ddim/trailing",
        "ddim/leading",
        "dpmpp_2m/trailing",
        "dpmpp_2m/logsnr",
        "heun/logsnr",
    )
    steps: tuple[int, ...] = (10, 15, 20, 30, 50)
    dtypes: tuple[str, ...] = ()
    end: str = OdeConfig.end
    reference_steps: int = 200
    tolerance: float = 0.02
    batch_size: int = OdeConfig.batch_size
    seed: int = OdeConfig.seed
    cpu_threads: int = OdeConfig.cpu_threads

    @property
    def choice(self) -> Choice:
        """Which prompts are taken."""
        return Choice(self.dedupe, self.shuffle, self.limit, self.seed)

    @property
    def reference(self) -> Setting:
        """The setting that all others are compared with."""
        return Setting(
            solver=REFERENCE_SOLVER,
            spacing=REFERENCE_SPACING,
            steps=self.reference_steps,
            end=self.end,
            dtype=REFERENCE_DTYPE,
        )

    def settings(self, own_dtype: str) -> list[Setting]:
        """Return what is to be measured, of float32 first.

        Args:
            own_dtype: The model's.
        """
        dtypes = self.dtypes or tuple(dict.fromkeys((own_dtype, REFERENCE_DTYPE)))
        return [
            Setting(solver=solver, spacing=spacing, steps=steps, end=self.end, dtype=dtype)
            for dtype in sorted(dtypes, key=lambda name: name != REFERENCE_DTYPE)
            for solver, spacing in (name.split("/") for name in self.solvers)
            for steps in self.steps
        ]

    def ode_config(self, setting: Setting) -> OdeConfig:
        """Return the options of the dataset whose first samples a setting makes."""
        shared = {name: getattr(self, name) for name in SHARED_OPTIONS}
        sampler = {
            "solver": setting.solver,
            "spacing": setting.spacing,
            "steps": setting.steps,
            "end": setting.end,
            "dtype": setting.dtype,
        }
        num_samples = self.num_prompts * len(self.cfg)
        return OdeConfig(**{**shared, **sampler}, num_samples=num_samples)


def make_calibrate_config(options: Mapping[str, Any]) -> CalibrateConfig:
    """Check options from a command line, a file or a call.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    known = config.field_names(CalibrateConfig)
    config.check_keys(options, known, "the options of pairgen calibrate")
    made = CalibrateConfig(**{name: _check(name, value) for name, value in options.items()})
    if made.reference in made.settings(REFERENCE_DTYPE):
        raise ConfigError(
            f"steps of {REFERENCE_SOLVER}/{REFERENCE_SPACING} must not be those of the reference, "
            f"{made.reference_steps}: give more --reference-steps."
        )
    return made


def _check(name: str, value: Any) -> Any:
    match name:
        case "num_prompts":
            return config.integer(name, value, 1, 10**6)
        case "reference_steps":
            steps = config.integer(name, value, 2)
            if steps % 2:
                raise ConfigError(f"reference_steps must be even, to be halved, got {steps}.")
            return steps
        case "tolerance":
            return _share(name, value)
        case "steps":
            return tuple(config.integer(name, each, 1) for each in _entries(name, value))
        case "solvers":
            return tuple(_solver(each) for each in _entries(name, value))
        case "dtypes":
            return tuple(config.choice(name, each, DTYPES) for each in _entries(name, value))
        case _:
            return check_option(name, value)


def _entries(name: str, value: Any) -> tuple[Any, ...]:
    """Return a list, a value, or text such as `10,20` as entries.

    Raises:
        ConfigError: There is none, or one stands twice.
    """
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    entries = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not entries:
        raise ConfigError(f"{name} must not be empty.")
    if len(set(map(str, entries))) < len(entries):
        raise ConfigError(f"{name} holds a value twice: {', '.join(map(str, entries))}.")
    return entries


def _solver(value: Any) -> str:
    solver, slash, spacing = config.text("solvers", value).partition("/")
    if not slash:
        raise ConfigError(f"solvers must be SOLVER/SPACING, such as ddim/trailing, got {value!r}.")
    choice = config.choice("the solver of solvers", solver, tuple(SOLVERS))
    return f"{choice}/{config.choice('the grid of solvers', spacing, SPACINGS)}"


def _share(name: str, value: Any) -> float:
    """Return `2%` or 0.02 as a share.

    Raises:
        ConfigError: It is neither, or not in (0, 1).
    """
    text = str(value).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1 or isinstance(value, bool):
        raise ConfigError(f"{name} must be a share in (0, 1) such as 2% or 0.02, got {value!r}.")
    return share
