"""The held-out samples: opened, and how many are used."""

from collections.abc import Collection
from dataclasses import dataclass

from pairgen.errors import ConfigError
from pairgen.judging.options import USUAL_NUM_SAMPLES
from pairgen.option_names import option_text
from pairgen.shards.format.where import parse_where
from pairgen.shards.loading.left_out import say_left_out
from pairgen.shards.loading.training_set import OpenSet, TrainingSet, open_set


@dataclass(frozen=True)
class HeldOutSet:
    """A dataset to evaluate on.

    Attributes:
        found: The open dataset.
        num: Number of samples to use, the first.
        num_available: Number of samples to choose from.
    """

    found: OpenSet
    num: int
    num_available: int


def open_held_out(
    url: str, where: str, num_samples: int, wanted: Collection[str] = ()
) -> HeldOutSet:
    """Open the dataset of an evaluation.

    Args:
        url: URL of the dataset.
        where: Condition over columns of its index; empty for all samples.
        num_samples: Number of samples; 0 for 512, or all if there are fewer.
        wanted: Members and columns that are read; those that only its annotations have are taken
            from there.

    Raises:
        ConfigError: There are fewer samples than requested, or none.
        CorruptShardError: A shard is missing.
    """
    condition = parse_where(where) if where else None
    found = open_set(TrainingSet(url), condition, skip_bad=False, wanted=wanted)
    say_left_out(found.left_out)
    available = sum(found.counts)
    if num_samples > available:
        raise ConfigError(
            f"{option_text('num_samples')} must be at most the {available:,} samples that {url} "
            f"gives, got {num_samples:,}."
        )
    num = num_samples or min(USUAL_NUM_SAMPLES, available)
    return HeldOutSet(found, num, available)
