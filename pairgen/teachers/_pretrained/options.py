"""The options of teachers with pretrained weights."""

from typing import Annotated, Any

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.options import Option, Options
from pairgen.rules import Checked


def _text(name: str, value: Any) -> str:
    """Return text; no value, as in `variant:` in YAML, becomes empty text."""
    return config.text(name, "" if value is None else value)


def _names(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{name} must be a list of names, got {config.quoted(value)}.")
    return tuple(config.text(name, each) for each in value)


def _as_given(_: str, value: Any) -> Any:
    """Return the value unchecked: the number of classes is known once the model is read."""
    return value


OPTIONAL_TEXT = Checked(_text, {"type": ["string", "null"]}, "str | None")


class PretrainedOptions(Options):
    """Options that select the weights."""

    revision: Annotated[
        str,
        OPTIONAL_TEXT,
        Option("Branch, tag or commit of a hub id; empty for its default branch."),
    ] = ""
    variant: Annotated[
        str,
        OPTIONAL_TEXT,
        Option("Variant of the weight files, such as `fp16`; empty for files without a variant."),
    ] = ""


class LatentDiffusionOptions(PretrainedOptions):
    """The options of `latent_diffusion`."""

    command = "the latent_diffusion teacher"

    branch: Annotated[
        str,
        OPTIONAL_TEXT,
        Option(
            "Folder or hub id of a ControlNet (diffusers' `ControlNetModel`) that conditions the "
            "model on an image; empty for none."
        ),
    ] = ""
    lora: Annotated[
        str,
        OPTIONAL_TEXT,
        Option("LoRA to merge: a file or folder, optionally with `:scale`; empty for none."),
    ] = ""


class PixelUnetOptions(PretrainedOptions):
    """The options of `pixel_unet`."""

    command = "the pixel_unet teacher"

    labels: Annotated[
        tuple[str, ...],
        Checked(_names, {"type": "array", "items": {"type": "string"}}, "Sequence[str]"),
        Option("Names of the classes in order; empty for those of the folder, or none."),
    ] = ()
    null_label: Annotated[
        Any,
        Checked(_as_given, {"type": ["integer", "null"], "minimum": 0}, "int | None"),
        Option('Number of the class that means "no class", for classifier-free guidance.'),
    ] = None
