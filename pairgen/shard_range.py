"""A part of the shards of a dataset, for launchers that run the same command many times."""

import re
from dataclasses import dataclass
from typing import Any

from pairgen import config
from pairgen.errors import ConfigError


@dataclass(frozen=True)
class ShardRange:
    """Part number `part` of `num_parts`, from 1; all of them together are every shard once.

    Attributes:
        part: Number of the part, in [1, num_parts].
        num_parts: Number of parts.
    """

    part: int
    num_parts: int

    @classmethod
    def named(cls, name: str) -> "ShardRange":
        """Return the part that `I/N` names."""
        return cls(*map(int, name.split("/")))

    def __str__(self) -> str:
        return f"{self.part}/{self.num_parts}"

    def shards(self, num_shards: int) -> range:
        """Return the shards of this part; none if there are more parts than shards."""
        start = (self.part - 1) * num_shards // self.num_parts
        return range(start, self.part * num_shards // self.num_parts)


ALL_SHARDS = ShardRange(1, 1)


def check_shard_range(name: str, value: Any) -> str:
    """Return the name of a part, I/N.

    Raises:
        ConfigError: The value is not I/N with whole numbers and 1 <= I <= N.
    """
    text = config.text(name, value)
    if re.fullmatch(r"[0-9]{1,9}/[0-9]{1,9}", text):
        found = ShardRange.named(text)
        if 1 <= found.part <= found.num_parts:
            return str(found)
    raise ConfigError(f"{name} must be I/N with I from 1 to N, such as 3/8, got {text!r}.")
