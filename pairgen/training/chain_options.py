"""The options of `pairgen train`, with those of a chain of stages."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field

from pairgen.config import mapping, numbers, quoted
from pairgen.errors import ConfigError
from pairgen.image_recipe import MAX_SCALE
from pairgen.list_rules import one_or_several
from pairgen.options import Option
from pairgen.rules import Checked, Integer, Place
from pairgen.training.options import TrainConfig

# A stage that restores 1/N is named after N, as x4. Behind the last come one that trains its
# network at the last time alone, and the one that tunes the decoder.
FINAL_STAGE, DECODER_STAGE = "final", "decoder"
STAGE = re.compile(r"x\d+|final|decoder")
STAGES = "stages"


def _factors(name: str, value: Any) -> tuple[int, ...]:
    """Return factors of which each is twice the one before."""
    given = numbers(name, value, 2, MAX_SCALE)
    found = tuple(map(int, given))
    doubling = all(after == 2 * before for before, after in pairwise(found))
    if not found or found != tuple(given) or not doubling:
        raise ConfigError(
            f"{name} must be factors from 2 to {MAX_SCALE}, each twice the one before, such as "
            f"2,4,8, got {quoted(value)}."
        )
    return found


class ChainConfig(TrainConfig):
    """Every option of `pairgen train`, of one run or of a chain of runs."""

    chain: Annotated[
        tuple[int, ...],
        Checked(
            _factors,
            one_or_several({"type": "integer"}, as_text=True, each_once=True),
            "int | str | Sequence[int]",
        ),
        Option(
            "Train the method yonos in stages, one for each of these factors, and then the "
            "decoder.",
            "Training",
            "identity",
            metavar="N,N,...",
            default="one run",
        ),
    ] = ()
    to: Annotated[
        int,
        Integer(2, MAX_SCALE),
        Option(
            "Factor at which to stop the chain.",
            "Training",
            metavar="N",
            default="the last of --chain",
        ),
    ] = 0
    from_run: Annotated[
        str,
        Place(),
        Option(
            "Finished run of yonos that the chain continues from.",
            "Training",
            "identity",
            metavar="RUN",
            default="none",
        ),
    ] = ""
    stages: Annotated[
        Mapping[str, Mapping[str, Any]],
        Checked(mapping, {"type": ["object", "null"]}, "Mapping[str, Mapping[str, Any]]"),
        Option(
            "Options of individual stages of a chain, such as x4.steps and decoder.lr.",
            "Training",
            "identity",
            flag=False,
        ),
    ] = Field(default_factory=dict)

    @classmethod
    def flattened(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return every option under one name, as `TrainConfig` does; `stages.x4.steps` too."""
        flat, others = dict[str, Any](), dict[str, Any]()
        stages = dict(mapping(STAGES, given.get(STAGES)))
        for name, value in given.items():
            stage, dot, option = name.partition(".")
            if STAGE.fullmatch(stage) and dot:
                stages[stage] = {**mapping(stage, stages.get(stage)), option: value}
            elif STAGE.fullmatch(stage):
                stages[stage] = {**mapping(stage, stages.get(stage)), **mapping(stage, value)}
            elif name != STAGES:
                others[name] = value
        for stage, options in stages.items():
            own = mapping(stage, options)
            flat |= {f"{STAGES}.{stage}.{name}": value for name, value in own.items()}
        return {**flat, **super().flattened(others)}

    @classmethod
    def check(cls, name: str, value: Any, called: str = "") -> Any:
        """Return the checked value of one option; those of a stage are checked by its own run."""
        return value if name.startswith(f"{STAGES}.") else super().check(name, value, called)
