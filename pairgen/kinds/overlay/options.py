"""The options of `pairgen annotate`."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from pairgen.config import mapping
from pairgen.errors import ConfigError
from pairgen.kinds.continuing import planned_options
from pairgen.kinds.run_options import CpuThreads, PartOptions, Revision
from pairgen.list_rules import Each
from pairgen.member_options import MemberOptions
from pairgen.options import Option, names
from pairgen.rules import Checked, Integer, Number, Place, Text
from pairgen.types import Plan

# Prefix of an option of the annotator among flat names.
OWN = f"{MemberOptions.held}."


class AnnotateConfig(MemberOptions, PartOptions):
    """Every option of `pairgen annotate`, checked; those of the annotator are checked there."""

    command = "pairgen annotate"

    add: Annotated[
        tuple[str, ...],
        Each(Text()),
        Option(
            "Annotators to run: their names, or names or files of your own modules.",
            "What is added",
            "identity",
            metavar="NAME[,NAME...]",
            missing="must name at least one annotator, such as canny.",
        ),
    ]
    options: Annotated[
        Mapping[str, Any],
        Checked(mapping, {"type": ["object", "null"]}, "Mapping[str, Any]"),
        Option("Options of the annotators, by name.", "What is added", "identity", flag=False),
    ] = Field(default_factory=dict)
    model: Annotated[
        str,
        Place(),
        Option(
            "Model that the annotator runs, such as a VAE, CLIP or captioner: a packaged name, a "
            "folder or a hub id.",
            "Model",
            "identity",
            metavar="NAME|PATH|HUB_ID",
            default="the dataset's teacher",
        ),
    ] = ""
    revision: Revision = ""
    out: Annotated[
        str,
        Place("leave it out for the default"),
        Option(
            "Output folder or URL; other commands find the default by themselves.",
            "Output",
            default="DIR.annotations/NAME",
        ),
    ] = ""
    batch_size: Annotated[
        int, Integer(1, 4096), Option("Samples per batch.", "Compute", "remembered", metavar="B")
    ] = 16
    cpu_threads: CpuThreads = 1
    gpus_per_worker: Annotated[
        float,
        Number(0.0, 1024.0),
        Option("GPUs per Ray actor.", "Workers", metavar="G", default="0; 1 with a model"),
    ] = 0.0

    @classmethod
    def flattened(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return every option under one name: `model`, `options.low`.

        A name that is not an option here belongs to the annotators.
        """
        return {
            name if name in cls.model_fields or cls.is_held(name) else f"{OWN}{name}": value
            for name, value in super().flattened(given).items()
        }

    def remembered(self) -> dict[str, Any]:
        """Return the options that an overlay remembers, as plain data."""
        return self.plain(without=names(AnnotateConfig, "run"))


def continued_options(plan: Plan, given: Mapping[str, Any]) -> AnnotateConfig:
    """Return the options of an overlay, overridden by the given ones.

    Raises:
        ConfigError: A name is unknown or a value is not allowed.
    """
    unknown = given.keys() - AnnotateConfig.model_fields
    if unknown:
        raise ConfigError(f"Unknown key {min(unknown)!r} in the options of pairgen annotate.")
    return planned_options(AnnotateConfig, plan, given, gpus_per_worker=float(bool(plan.teacher)))
