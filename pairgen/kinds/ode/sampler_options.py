"""Options of all commands that sample a teacher: the model, the sampler, the choice of prompts.

`pairgen ode`, `sample` and `calibrate` share them, so that equal options give equal samples.
"""

from typing import TYPE_CHECKING, Annotated

from pairgen.kinds.run_options import CpuThreads, Revision
from pairgen.list_rules import Numbers, Places
from pairgen.model_config import DTYPES, GUIDANCE_SCALES
from pairgen.options import Option, Options
from pairgen.rules import SEED, Checked, Choice, Integer, Place, Switch, Text
from pairgen.sampling.names import ENDS, SOLVER_NAMES, check_spacing

if TYPE_CHECKING:
    from pairgen.sources.prompt_choice import Choice as PromptChoice

# Default of what a model's own file may set in its section `sampling`, as students do.
OWN_ELSE = "the model's own, else"


class SamplerOptions(Options):
    """Options that determine a sample besides the prompt and the setting, and its batches."""

    model: Annotated[
        str,
        Place(),
        Option(
            "Model to sample: a packaged name, a folder or a hub id.",
            "Model",
            "identity",
            metavar="NAME|PATH|HUB_ID",
        ),
    ] = "tiny"
    cfg: Annotated[
        tuple[float, ...],
        Numbers(*GUIDANCE_SCALES, at_least_one="guidance scale"),
        Option(
            "Guidance scales. Each pair of prompt and noise is sampled at every scale.",
            "Model",
            "identity",
            metavar="SCALE[,SCALE...]",
            default=f"{OWN_ELSE} 7.5",
        ),
    ] = (7.5,)
    negative_prompt: Annotated[
        str,
        Text(),
        Option("Negative prompt for classifier-free guidance.", "Model", "identity", default="''"),
    ] = ""
    revision: Revision = ""
    lora: Annotated[
        str,
        Place(),
        Option(
            "LoRA to merge into the model: a .safetensors file, or a folder with "
            "pytorch_lora_weights.safetensors, optionally with a scale.",
            "Model",
            "identity",
            metavar="PATH[:SCALE]",
        ),
    ] = ""
    end: Annotated[
        str,
        Choice(ENDS),
        Option(
            "End of the ODE: the last timestep (t0), or sigma 0 (clean).",
            "Sampling",
            "identity",
            default=f"{OWN_ELSE} t0",
        ),
    ] = "t0"
    seed: Annotated[
        int,
        SEED,
        Option("Random seed of the noise.", "Sampling", "identity", metavar="S"),
    ] = 0
    batch_size: Annotated[
        int,
        Integer(1, unset=0),
        Option(
            "Samples per batch.",
            "Compute",
            "remembered",
            metavar="B",
            default="the model's default",
        ),
    ] = 0
    cpu_threads: CpuThreads = 1


class SettingOptions(Options):
    """The sampler settings that `pairgen calibrate` compares."""

    steps: Annotated[
        int,
        Integer(1),
        Option("Number of solver steps.", "Sampling", "identity", default=f"{OWN_ELSE} 50"),
    ] = 50
    solver: Annotated[
        str,
        Choice(SOLVER_NAMES),
        Option("ODE solver.", "Sampling", "identity", default=f"{OWN_ELSE} ddim"),
    ] = "ddim"
    spacing: Annotated[
        str,
        Checked(
            lambda name, value: check_spacing(Text().read(name, value)), {"type": "string"}, "str"
        ),
        Option(
            "Timestep spacing: leading, trailing, linspace, logsnr or uniform; or the timesteps "
            "themselves.",
            "Sampling",
            "identity",
            metavar="RULE|T[,T...]",
            default=f"{OWN_ELSE} trailing",
        ),
    ] = "trailing"
    dtype: Annotated[
        str,
        Choice(DTYPES, or_empty=True),
        Option(
            "Precision of the network; the ODE state stays in float32.",
            "Compute",
            "remembered",
            default="the model's, float32 without a GPU",
        ),
    ] = ""


class PromptOptions(Options):
    """The source and the choice of prompts."""

    prompts: Annotated[
        tuple[str, ...],
        Places(if_empty="leave it out for the default"),
        Option(
            "Prompts to use: txt, jsonl, csv or tsv (also .gz), Parquet, WebDataset tars, a "
            "pairgen dataset or a saved hub dataset, local or as URLs; - reads standard input. "
            "Repeatable.",
            "Prompts",
            metavar="FILE|GLOB|DIR|URL|-",
            default="those packaged for the model",
        ),
    ] = ()
    column: Annotated[
        str,
        Text(),
        Option(
            "Column that holds the prompts; in tars, a member or a key of the member json.",
            "Prompts",
            metavar="NAME",
            default="prompt, text, caption or txt",
        ),
    ] = ""
    dedupe: Annotated[bool, Switch(), Option("Drop duplicate prompts.", "Prompts")] = False
    shuffle: Annotated[
        bool, Switch(), Option("Shuffle the prompts; --seed sets the order.", "Prompts")
    ] = False
    limit: Annotated[
        int,
        Integer(1, 10**9),
        Option("Keep at most N prompts, after --dedupe and --shuffle.", "Prompts", default="all"),
    ] = 0


def prompt_choice(options: PromptOptions, seed: int) -> "PromptChoice":
    """Return the choice and order of the prompts."""
    from pairgen.sources.prompt_choice import Choice

    return Choice(options.dedupe, options.shuffle, options.limit, seed)
