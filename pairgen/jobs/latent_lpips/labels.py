"""The classes of datasets: from their prompts, and which samples to hold out."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.labels import ClassLabels
from pairgen.shards.format.where import parse_where
from pairgen.shards.loading.good_shards import read_index
from pairgen.shards.loading.mixture import columns_to_read
from pairgen.shards.loading.training_set import OpenSet, TrainingSet, open_set
from pairgen.wording import counted

PAIR = "pair_index"
# If most classes have a single sample, they are not classes.
MIN_SAMPLES_PER_CLASS = 2


@dataclass(frozen=True)
class Classes:
    """The classes of one or several datasets.

    Attributes:
        numbers: Prompt to class, 0 .. num - 1.
        num: Number of classes.
        num_samples: Number of samples with a class.
    """

    numbers: Mapping[str, int]
    num: int
    num_samples: int

    def of(self, prompts: Sequence[str], device: torch.device) -> Tensor:
        """Return the classes of prompts, [B] int64."""
        return torch.tensor([self.numbers[prompt] for prompt in prompts], device=device)


def read_classes(urls: Sequence[str], where: str, skip_bad: bool, share: float) -> Classes:
    """Read the prompts of datasets and number their classes; check that some are held out.

    If samples have a class (`cls`), prompts for the same class are one class; otherwise every
    distinct prompt is a class.

    Args:
        urls: URLs of the datasets.
        where: Condition over columns of the index; empty for all samples.
        skip_bad: Whether to leave out bad shards.
        share: Share of the pairs to hold out.

    Raises:
        ConfigError: A dataset has no latents, prompts or numbered pairs, the datasets' classes
            differ, there are fewer than two classes or two samples per class, or no sample or every
            sample is held out.
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
            f"per class on average, got {counted(num, 'distinct label')} in "
            f"{counted(num_samples, 'sample')}."
        )
    if num_held_out in (0, num_samples):
        raise ConfigError(
            f"held_out must leave samples for training and for evaluation, got {share}, "
            f"which leaves {num_samples - num_held_out:,} and {num_held_out:,}."
        )
    numbers = {prompt: order[meaning] for prompt, meaning in meanings.items()}
    return Classes(numbers, num, num_samples)


def is_held_out(sets: Sequence[int], pairs: Sequence[int], share: float) -> Tensor:
    """Return which samples are not trained on, bool [B]: by the hash of dataset and pair.

    Samples of one noise at several guidance scales are held out together.

    Args:
        sets: Index of each sample's dataset, B.
        pairs: Index of each sample's pair in its dataset, B.
        share: Share of the pairs to hold out.
    """
    return torch.tensor(
        [hash_below(f"{number}:{pair}", share) for number, pair in zip(sets, pairs, strict=True)]
    )


def hash_below(name: str, share: float) -> bool:
    """Whether a name belongs to a given share of all names, by its SHA-256."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) < share * 2**32


def _check_members(found: OpenSet) -> None:
    for member, what in (("latent.npy", "latents"), ("txt", "labels or prompts")):
        if found.layer_of(member) is None:
            have = ", ".join(sorted(found.base.plan.members))
            raise ConfigError(
                f"latent-lpips trains on {what} ({member}), but {found.url} has none; it has "
                f"{have}."
            )
    columns_to_read(found, fields=(), facts=[PAIR])


def _prompts_and_pairs(found: OpenSet) -> tuple[list[str], list[int]]:
    """Return the prompt and the pair index of every sample that is read."""
    prompts: list[str] = []
    pairs: list[int] = []
    for shard, rows in zip(found.shards, found.rows, strict=True):
        table = read_index(found.base, shard, ["prompt", PAIR])
        if rows is not None:
            table = table.take(rows)
        prompts += table["prompt"].to_pylist()
        pairs += table[PAIR].to_pylist()
    return prompts, pairs
