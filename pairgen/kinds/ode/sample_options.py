"""The options of `pairgen sample`: those of the sampler, as in `pairgen ode`, and of the output."""

from typing import TYPE_CHECKING, Annotated

from pairgen.kinds.ode.options import OdeConfig
from pairgen.kinds.ode.sampler_options import (
    PromptOptions,
    SamplerOptions,
    SettingOptions,
    prompt_choice,
)
from pairgen.kinds.run_options import MAX_REJECTED, MaxRejected
from pairgen.list_rules import Places
from pairgen.options import Option
from pairgen.rules import Integer, Place, Switch

if TYPE_CHECKING:
    from pairgen.sources.prompt_choice import Choice as PromptChoice

# Options that determine a sample, or how it is computed; the same as in `pairgen ode`.
SAMPLER_OPTIONS = (*SamplerOptions.model_fields, *SettingOptions.model_fields)


class SampleConfig(PromptOptions, SettingOptions, SamplerOptions):
    """Every option of `pairgen sample`, checked."""

    command = "pairgen sample"

    prompts: Annotated[
        tuple[str, ...],
        Places(),
        Option(
            "A prompt, or any prompt source that `pairgen ode` accepts; repeatable.",
            "Prompts",
            metavar="FILE|GLOB|DIR/|URL|-|TEXT",
            default="those packaged for the model, or those of the conditions",
        ),
    ] = ()
    condition: Annotated[
        tuple[str, ...],
        Places(),
        Option(
            "Input pictures, for a model that makes images from pictures: folders, globs, files, "
            ".txt lists of paths, .tar, .parquet, .arrow, or a dataset with the member that the "
            "model takes; repeatable.",
            "Images",
            metavar="DIR|GLOB|FILE",
        ),
    ] = ()
    masks: Annotated[
        tuple[str, ...],
        Places(),
        Option(
            "Masks for an inpainting model: one of the same name for each picture, white where "
            "the model paints; repeatable.",
            "Images",
            metavar="DIR|GLOB|FILE",
        ),
    ] = ()
    out: Annotated[
        str,
        Place(),
        Option(
            "Output: a .png grid, or a folder for single images, the grid and samples.json.",
            "Output",
            metavar="FILE.png|DIR/",
        ),
    ] = "samples.png"
    num_per_prompt: Annotated[
        int, Integer(1), Option("Images per prompt or condition.", "Prompts", metavar="K")
    ] = 1
    max_rejected: MaxRejected = MAX_REJECTED
    columns: Annotated[
        int,
        Integer(1, unset=0),
        Option(
            "Images per row of the grid.",
            "What is shown",
            default="the number of guidance scales, else of images per prompt, else 8 or more",
        ),
    ] = 0
    captions: Annotated[
        bool,
        Switch(),
        Option("Print the prompt below each image.", "What is shown", default="captions"),
    ] = True

    @property
    def choice(self) -> "PromptChoice":
        """The choice of prompts."""
        return prompt_choice(self, self.seed)

    def ode_config(self, num_prompts: int) -> OdeConfig:
        """Return the options of the dataset whose samples these images are."""
        options = {name: getattr(self, name) for name in SAMPLER_OPTIONS}
        num_samples = num_prompts * self.num_per_prompt * len(self.cfg)
        return OdeConfig(**options, num_samples=num_samples)
