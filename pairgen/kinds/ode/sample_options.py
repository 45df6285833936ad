"""The options of `pairgen sample`: what decides a sample, as in `pairgen ode`, and how it is shown.

Names, defaults and checks of what both commands take are those of `OdeConfig`, so that equal
options give equal samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen import config
from pairgen.kinds.ode.options import OdeConfig, check_option
from pairgen.sources.prompt_choice import Choice

# What decides a sample, or the way it is computed; the same names in both commands.
SAMPLER_OPTIONS = (
    "model",
    "revision",
    "cfg",
    "negative_prompt",
    "steps",
    "solver",
    "spacing",
    "end",
    "batch_size",
    "dtype",
    "seed",
    "cpu_threads",
)


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """Every option of `pairgen sample`, checked.

    Attributes:
        model: A name under `configs/models/`, a folder in diffusers layout, or a hub id.
        revision: Branch, tag or commit of a hub id; empty for its default branch.
        cfg: Guidance scales, one or several: each noise is sampled at every one of them.
        negative_prompt: What guidance leads away from.
        prompts: Prompts themselves, and what `pairgen ode` takes, in order; empty for the packaged
            set.
        column: Column of the prompts in the files; empty for the usual one.
        dedupe: Whether of equal prompts only the first is kept.
        shuffle: Whether the prompts are put in an order that the seed draws.
        limit: How many prompts are kept at most, after the two above; 0 for all.
        num_per_prompt: Noises of each prompt.
        out: A `.png` file for the grid, or a folder (existing, or ending in `/`) for every picture.
        columns: Pictures in a row of the grid; 0 for rows of what belongs together.
        captions: Whether the prompt stands under each picture of the grid.
        steps: Transitions of the solver.
        solver: `ddim`, `dpmpp_2m` or `heun`.
        spacing: `leading`, `trailing`, `linspace` or `logsnr`.
        end: `t0` or `clean`.
        batch_size: 0 for the model's number.
        dtype: Of the network; empty for the model's.
        seed: Of the noises.
        cpu_threads: Threads of torch.
    """

    model: str = OdeConfig.model
    revision: str = OdeConfig.revision
    cfg: tuple[float, ...] = OdeConfig.cfg
    negative_prompt: str = OdeConfig.negative_prompt
    prompts: tuple[str, ...] = ()
    column: str = OdeConfig.column
    dedupe: bool = OdeConfig.dedupe
    shuffle: bool = OdeConfig.shuffle
    limit: int = OdeConfig.limit
    num_per_prompt: int = 1
    out: str = "samples.png"
    columns: int = 0
    captions: bool = True
    steps: int = OdeConfig.steps
    solver: str = OdeConfig.solver
    spacing: str = OdeConfig.spacing
    end: str = OdeConfig.end
    batch_size: int = OdeConfig.batch_size
    dtype: str = OdeConfig.dtype
    seed: int = OdeConfig.seed
    cpu_threads: int = OdeConfig.cpu_threads

    @property
    def choice(self) -> Choice:
        """Which prompts are taken."""
        return Choice(self.dedupe, self.shuffle, self.limit, self.seed)

    def ode_config(self, num_prompts: int) -> OdeConfig:
        """Return the options of the dataset whose samples these pictures are."""
        options = {name: getattr(self, name) for name in SAMPLER_OPTIONS}
        num_samples = num_prompts * self.num_per_prompt * len(self.cfg)
        return OdeConfig(**options, num_samples=num_samples)


def make_sample_config(options: Mapping[str, Any]) -> SampleConfig:
    """Check options from a command line, a file or a call.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    config.check_keys(options, config.field_names(SampleConfig), "the options of pairgen sample")
    checked = {name: _check(name, value) for name, value in options.items()}
    return SampleConfig(**checked)


def _check(name: str, value: Any) -> Any:
    match name:
        case "prompts":
            values = value if isinstance(value, list | tuple) else [value]
            return tuple(config.text(name, entry) for entry in values)
        case "num_per_prompt":
            return config.integer(name, value, 1)
        case "columns":
            return config.integer(name, value, 0)
        case "captions":
            return config.boolean(name, value)
        case _:
            return check_option(name, value)
