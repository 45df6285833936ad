"""Parts of a dataset: disjoint, and together the whole."""

import pytest

from pairgen.errors import ConfigError
from pairgen.shard_range import ALL_SHARDS, ShardRange, check_shard_range


@pytest.mark.parametrize("num_shards", [0, 1, 6, 7, 100])
@pytest.mark.parametrize("num_parts", [1, 3, 7, 20])
def test_parts_are_disjoint_and_together_the_whole(num_shards: int, num_parts: int) -> None:
    parts = [ShardRange(part, num_parts).shards(num_shards) for part in range(1, num_parts + 1)]
    assert [shard for part in parts for shard in part] == list(range(num_shards))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_a_name_leads_to_its_part() -> None:
    assert check_shard_range("shard_range", "03/8") == "3/8"
    assert ShardRange.named("3/8") == ShardRange(3, 8)
    assert ShardRange.named(str(ALL_SHARDS)) == ALL_SHARDS


@pytest.mark.parametrize("value", ["", "0/3", "4/3", "1/0", "3", "a/b", "1/3/5", "-1/3", "1.0/3"])
def test_other_names_are_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"shard_range must be I/N with I from 1 to N, .*, got "):
        check_shard_range("shard_range", value)
