"""The classes of datasets: what their prompts mean, and which samples judge."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.labels import ClassLabels
from pairgen.shards.format.index import read_columns
from pairgen.shards.format.where import parse_where
from pairgen.shards.loading.good_shards import read_index
from pairgen.shards.loading.mixture import columns_to_read
from pairgen.shards.loading.training_set import OpenSet, TrainingSet, open_set

PAIR = "pair_index"
# A class that most samples have alone is no class.
MIN_SAMPLES_PER_CLASS = 2


@dataclass(frozen=True)
class Classes:
    """The classes of one or several sets.

    Attributes:
        numbers: Prompt to class, 0 .. num - 1.
        num: Of classes.
        num_samples: That have one.
    """

    numbers: Mapping[str, int]
    num: int
    num_samples: int

    def of(self, prompts: Sequence[str], device: torch.device) -> Tensor:
        """Return the classes of prompts, [B] int64."""
        return torch.tensor([self.numbers[prompt] for prompt in prompts], device=device)


def read_classes(urls: Sequence[str], where: str, skip_bad: bool, share: float) -> Classes:
    """Read the prompts of sets and number what they mean; check that some samples judge.

    Where samples carry a class (`cls`), prompts that mean the same class are one; else every
    distinct prompt is a class.

    Args:
        urls: Of the sets.
        where: Condition over columns of the index; empty for all samples.
        skip_bad: Leave out bad shards.
        share: Of the pairs that is held out.

    Raises:
        ConfigError: A set has no latents, prompts or numbered pairs, the sets' classes are not the
            same ones, there are fewer than two classes or two samples to a class, or no sample is
            held out, or every one.
    """
    condition = parse_where(where) if where else None
    sets = [open_set(TrainingSet(url), condition, skip_bad) for url in urls]
    for found in sets:
        _check_members(found)
    known = [found.base.plan.members.get("cls") for found in sets]
    if any(each != known[0] for each in known):
        raise ConfigError(f"{', '.join(urls)} must have the same classes, or all have none.")
    labels = ClassLabels.from_dict(known[0]) if known[0] else None
    counts: Counter[str] = Counter()
    num_held_out = 0
    for number, found in enumerate(sets):
        prompts, pairs = _prompts_and_pairs(found)
        counts.update(prompts)
        num_held_out += int(is_held_out([number] * len(pairs), pairs, share).sum())
    meanings = {
        prompt: str(labels.class_of(prompt)) if labels else prompt for prompt in sorted(counts)
    }
    order = {meaning: number for number, meaning in enumerate(sorted(set(meanings.values())))}
    num, num_samples = len(order), counts.total()
    if num < 2 or num_samples < MIN_SAMPLES_PER_CLASS * num:
        raise ConfigError(
            f"{', '.join(urls)} must have two classes or more and {MIN_SAMPLES_PER_CLASS} samples "
            f"to each on average, got {num:,} distinct label(s) of {num_samples:,} samples."
        )
    if num_held_out in (0, num_samples):
        raise ConfigError(
            f"held_out must leave samples to learn from and samples to judge by, got {share}, "
            f"which leaves {num_samples - num_held_out:,} and {num_held_out:,}."
        )
    numbers = {prompt: order[meaning] for prompt, meaning in meanings.items()}
    return Classes(numbers, num, num_samples)


def is_held_out(sets: Sequence[int], pairs: Sequence[int], share: float) -> Tensor:
    """Return which samples are not trained on, bool [B]: by the hash of set and pair.

    Samples of one noise at several guidance scales are held out together.

    Args:
        sets: Number of each sample's set, B.
        pairs: Index of each sample's pair in its set, B.
        share: Of the pairs that is held out.
    """
    return torch.tensor(
        [hash_below(f"{number}:{pair}", share) for number, pair in zip(sets, pairs, strict=True)]
    )


def hash_below(name: str, share: float) -> bool:
    """Whether a name belongs to a share of all names, by its SHA-256."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) < share * 2**32


def _check_members(found: OpenSet) -> None:
    for member, what in (("latent.npy", "latents"), ("txt", "labels or prompts")):
        if found.layer_of(member) is None:
            have = ", ".join(sorted(found.base.plan.members))
            raise ConfigError(
                f"latent-lpips learns from {what} ({member}), which {found.url} has not; it has "
                f"{have}."
            )
    columns_to_read(found, fields=(), facts=[PAIR])


def _prompts_and_pairs(found: OpenSet) -> tuple[list[str], list[int]]:
    """Return the prompt and the index of the pair of every sample that is read."""
    prompts: list[str] = []
    pairs: list[int] = []
    for shard, rows in zip(found.shards, found.rows, strict=True):
        table = read_columns(read_index(found.base, shard), ["prompt", PAIR])
        if rows is not None:
            table = table.take(rows)
        prompts += table["prompt"].to_pylist()
        pairs += table[PAIR].to_pylist()
    return prompts, pairs
