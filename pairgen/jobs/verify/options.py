"""The options of `pairgen verify`: one name in the flag and the Python call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen import config
from pairgen.errors import ConfigError
from pairgen.kinds.run_options import EXECUTORS
from pairgen.shards.check.scope import Scope
from pairgen.shards.format.where import parse_where


@dataclass(frozen=True, kw_only=True)
class VerifyConfig:
    """Every option of `pairgen verify`, checked.

    Attributes:
        quick: Look at receipts, names and sizes only.
        fraction: Share of the shards that are read, in (0, 1].
        seed: Decides which shards `fraction` takes.
        where: Condition over columns of the index: which samples are checked one by one.
        executor: `serial`, `ray`, or `auto`: ray if a cluster is named, else serial. GPUs do not
            matter: nothing here uses them.
        num_workers: Ray actors; 0 for as many as the cluster has cores.
        address: Of a running Ray cluster; empty for RAY_ADDRESS, or a local one.
    """

    quick: bool = False
    fraction: float = 1.0
    seed: int = 0
    where: str = ""
    executor: str = "auto"
    num_workers: int = 0
    address: str = ""

    @property
    def scope(self) -> Scope:
        """How much is read."""
        where = parse_where(self.where) if self.where else None
        return Scope(quick=self.quick, fraction=self.fraction, seed=self.seed, where=where)


def make_verify_config(options: Mapping[str, Any]) -> VerifyConfig:
    """Check options from a command line or a call.

    Raises:
        ConfigError: A name is unknown, a value is not allowed, or two contradict each other.
    """
    config.check_keys(options, config.field_names(VerifyConfig), "the options of pairgen verify")
    checked = {name: _check(name, value) for name, value in options.items()}
    made = VerifyConfig(**checked)
    others = [f"--{name}" for name in ("fraction", "where") if name in options]
    if made.quick and others:
        raise ConfigError(f"--quick reads no sample: it cannot go with {' and '.join(others)}.")
    if "seed" in options and "fraction" not in options:
        raise ConfigError("seed chooses the shards of --fraction: give that too, such as 0.01.")
    return made


def _check(name: str, value: Any) -> Any:
    match name:
        case "quick":
            return config.boolean(name, value)
        case "fraction":
            fraction = config.number(name, value, 0.0, 1.0)
            if fraction == 0:
                raise ConfigError("fraction must be above 0; --quick reads no shard at all.")
            return fraction
        case "seed":
            return config.integer(name, value, 0, 2**63 - 1)
        case "where" if value == "":
            # As a script's unset variable gives it: not a wish for all samples.
            raise ConfigError("where must not be empty: leave it out for all samples.")
        case "num_workers":
            return config.integer(name, value, 0)
        case "executor":
            return config.choice(name, value, EXECUTORS)
        case _:
            return config.text(name, value)
