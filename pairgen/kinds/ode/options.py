"""The options of `pairgen ode`."""

from typing import TYPE_CHECKING, Annotated, Any

from pairgen.kinds.ode.sampler_options import (
    PromptOptions,
    SamplerOptions,
    SettingOptions,
    prompt_choice,
)
from pairgen.kinds.run_options import PartOptions, ShardBytes
from pairgen.list_rules import Numbers
from pairgen.options import Option, names
from pairgen.rules import Choice, Integer, Place, Switch

if TYPE_CHECKING:
    from pairgen.sources.prompt_choice import Choice as PromptChoice

NOISE_MODES = ("stored", "seed")
LONG_PROMPTS = ("truncate", "reject")


class OdeConfig(PartOptions, PromptOptions, SettingOptions, SamplerOptions):
    """Every option of `pairgen ode`, checked."""

    command = "pairgen ode"

    num_samples: Annotated[
        int,
        # Keys have nine digits.
        Integer(1, 10**9, unset=0),
        Option(
            "Number of samples.",
            "Output",
            "remembered",
            default="one per prompt and guidance scale",
        ),
    ] = 0
    out: Annotated[
        str, Place(), Option("Output folder or URL.", "Output", default="data/ode-MODEL")
    ] = ""
    from_calibration: Annotated[
        str,
        Place(),
        Option(
            "Use the sampler settings that `pairgen calibrate` chose; flags override them.",
            "Sampling",
            metavar="FILE",
        ),
    ] = ""
    trajectory: Annotated[
        tuple[float, ...],
        Numbers(0.0, 1e6, falling=True),
        Option(
            "Timesteps at which to store the ODE state, as path.npy.",
            "Sampling",
            "identity",
            metavar="T[,T...]",
        ),
    ] = ()
    noise: Annotated[
        str,
        Choice(NOISE_MODES),
        Option(
            "Store the noise, or only its seed, which halves the size of the dataset.",
            "Output",
            "identity",
        ),
    ] = "stored"
    store_embeddings: Annotated[
        bool,
        Switch(),
        Option(
            "Store prompt embeddings: txt_emb.npy, and pooled_emb.npy if the model has it.",
            "Output",
            "identity",
        ),
    ] = False
    samples_per_shard: Annotated[
        int,
        Integer(1, 10**9, unset=0),
        Option("Samples per shard.", "Output", "remembered", default="the model's default"),
    ] = 0
    shard_bytes: ShardBytes = 0
    long_prompts: Annotated[
        str,
        Choice(LONG_PROMPTS),
        Option(
            "Truncate or reject prompts longer than the text encoder's limit.",
            "Prompts",
            "remembered",
        ),
    ] = "truncate"
    compile: Annotated[
        bool, Switch(), Option("Compile the network with torch.compile.", "Compute", "remembered")
    ] = False

    @property
    def choice(self) -> "PromptChoice":
        """The choice of prompts."""
        return prompt_choice(self, self.seed)

    def remembered(self) -> dict[str, Any]:
        """Return the options that a resumed folder remembers, as plain data."""
        return self.plain(without=names(OdeConfig, "run"))
