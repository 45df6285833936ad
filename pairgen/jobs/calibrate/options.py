"""The options of `pairgen calibrate`."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import model_validator

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.kinds.ode.options import OdeConfig
from pairgen.kinds.ode.sampler_options import PromptOptions, SamplerOptions, prompt_choice
from pairgen.kinds.ode.settings import Setting
from pairgen.list_rules import Each
from pairgen.model_config import DTYPES
from pairgen.option_names import option_text
from pairgen.options import Option
from pairgen.rules import Checked, Choice, Integer, Place
from pairgen.sampling.names import SOLVER_NAMES, SPACINGS

if TYPE_CHECKING:
    from pairgen.sources.prompt_choice import Choice as PromptChoice

# Options that a sample depends on besides the setting; the same as in `pairgen ode`.
SHARED_OPTIONS = tuple(SamplerOptions.model_fields)
# The reference uses the most expensive solver and a grid on which it shows its order.
REFERENCE_SOLVER, REFERENCE_SPACING, REFERENCE_DTYPE = "heun", "logsnr", "float32"


def _solver(name: str, value: Any) -> str:
    solver, slash, spacing = config.text(name, value).partition("/")
    if not slash:
        raise ConfigError(f"{name} must be SOLVER/SPACING, such as ddim/trailing, got {value!r}.")
    choice = config.choice(f"the solver of {name}", solver, SOLVER_NAMES)
    return f"{choice}/{config.choice(f'the grid of {name}', spacing, SPACINGS)}"


def _even(name: str, value: Any) -> int:
    steps = config.integer(name, value, 2)
    if steps % 2:
        raise ConfigError(f"{name} must be even, to be halved, got {steps}.")
    return steps


def _share(name: str, value: Any) -> float:
    """Return `2%` or 0.02 as a share in (0, 1)."""
    text = str(value).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share < 1 or isinstance(value, bool):
        raise ConfigError(f"{name} must be a share in (0, 1) such as 2% or 0.02, got {value!r}.")
    return share


class CalibrateConfig(PromptOptions, SamplerOptions):
    """Every option of `pairgen calibrate`, checked."""

    command = "pairgen calibrate"

    num_prompts: Annotated[
        int,
        Integer(1, 10**6),
        Option("Number of (prompt, noise) pairs to measure.", "Prompts"),
    ] = 64
    out: Annotated[
        str, Place(), Option("Output folder or URL.", "Output", default="data/calibration-MODEL")
    ] = ""
    tolerance: Annotated[
        float,
        Checked(
            _share,
            {
                "anyOf": [
                    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                    {"type": "string", "pattern": r"^\s*[0-9.]+\s*%?\s*$"},
                ]
            },
            "float | str",
        ),
        Option(
            "Largest median error to accept, such as 2% or 0.02.",
            "What is measured",
            metavar="SHARE",
            default="2%",
        ),
    ] = 0.02
    solvers: Annotated[
        tuple[str, ...],
        Each(Checked(_solver, {"type": "string"}, "str")),
        Option(
            "Solvers and spacings to measure.",
            "What is measured",
            metavar="SOLVER/SPACING[,...]",
        ),
    ] = ("ddim/trailing", "ddim/leading", "dpmpp_2m/trailing", "dpmpp_2m/logsnr", "heun/logsnr")
    steps: Annotated[
        tuple[int, ...],
        Each(Integer(1)),
        Option("Numbers of steps to measure.", "What is measured", metavar="N[,N...]"),
    ] = (10, 15, 20, 30, 50)
    dtypes: Annotated[
        tuple[str, ...],
        Each(Choice(DTYPES)),
        Option(
            "Precisions of the network to measure.",
            "What is measured",
            metavar="DTYPE[,DTYPE...]",
            default="float32, and the model's on a GPU",
        ),
    ] = ()
    reference_steps: Annotated[
        int,
        Checked(_even, {"type": "integer", "minimum": 2, "multipleOf": 2}, "int"),
        Option(
            "Steps of the reference solution (heun, logsnr, float32).",
            "What is measured",
            metavar="N",
        ),
    ] = 200

    @model_validator(mode="after")
    def _check_reference(self) -> "CalibrateConfig":
        if self.reference in self.settings(REFERENCE_DTYPE):
            raise ConfigError(
                f"{option_text('steps')} of {REFERENCE_SOLVER}/{REFERENCE_SPACING} must not be "
                f"those of the reference, {self.reference_steps}: give more --reference-steps."
            )
        return self

    @property
    def choice(self) -> "PromptChoice":
        """The choice of prompts."""
        return prompt_choice(self, self.seed)

    @property
    def reference(self) -> Setting:
        """The reference setting, which all others are compared with."""
        return Setting(
            solver=REFERENCE_SOLVER,
            spacing=REFERENCE_SPACING,
            steps=self.reference_steps,
            end=self.end,
            dtype=REFERENCE_DTYPE,
        )

    def settings(self, own_dtype: str) -> list[Setting]:
        """Return the settings to measure, float32 first.

        Args:
            own_dtype: The model's default dtype.
        """
        dtypes = self.dtypes or tuple(dict.fromkeys((own_dtype, REFERENCE_DTYPE)))
        return [
            Setting(solver=solver, spacing=spacing, steps=steps, end=self.end, dtype=dtype)
            for dtype in sorted(dtypes, key=lambda name: name != REFERENCE_DTYPE)
            for solver, spacing in (name.split("/") for name in self.solvers)
            for steps in self.steps
        ]

    def ode_config(self, setting: Setting) -> OdeConfig:
        """Return the options of the dataset whose first samples the setting produces."""
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
