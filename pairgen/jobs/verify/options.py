"""The options of `pairgen verify`."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import model_validator

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.kinds.run_options import CheckOptions
from pairgen.option_names import option_text
from pairgen.options import Option
from pairgen.rules import SEED, Checked, Switch, Text

if TYPE_CHECKING:
    from pairgen.shards.check.scope import Scope


def _fraction(name: str, value: Any) -> float:
    fraction = config.number(name, value, 0.0, 1.0)
    if fraction == 0:
        raise ConfigError(f"{name} must be above 0; --quick reads no shard at all.")
    return fraction


class VerifyConfig(CheckOptions):
    """Every option of `pairgen verify`, checked."""

    command = "pairgen verify"

    quick: Annotated[
        bool, Switch(), Option("Check only receipts, names and sizes.", "What is checked")
    ] = False
    fraction: Annotated[
        float,
        Checked(_fraction, {"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "float"),
        Option("Share of the shards to read, above 0.", "What is checked", metavar="F"),
    ] = 1.0
    seed: Annotated[
        int,
        SEED,
        Option("Random seed of the shards that --fraction picks.", "What is checked", metavar="S"),
    ] = 0
    where: Annotated[
        str,
        Text("leave it out for all samples"),
        Option(
            "Check only samples that match, such as 'guidance_scale == 8'.",
            "What is checked",
            metavar="EXPR",
        ),
    ] = ""

    @model_validator(mode="after")
    def _check_together(self) -> "VerifyConfig":
        given = self.model_fields_set
        others = [f"--{name}" for name in ("fraction", "where") if name in given]
        if self.quick and others:
            raise ConfigError(f"--quick reads no sample: it cannot go with {' and '.join(others)}.")
        if "seed" in given and "fraction" not in given:
            raise ConfigError(
                f"{option_text('seed')} chooses the shards of --fraction: give that too, such as "
                "0.01."
            )
        return self

    @property
    def scope(self) -> "Scope":
        """The scope of the check."""
        from pairgen.shards.check.scope import Scope
        from pairgen.shards.format.where import parse_where

        where = parse_where(self.where) if self.where else None
        return Scope(quick=self.quick, fraction=self.fraction, seed=self.seed, where=where)
