"""Read the pairs to evaluate on, in order; hash every shard before it is used."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pairgen.errors import ConfigError
from pairgen.jobs.eval.options import USUAL_NUM_SAMPLES
from pairgen.seeding import array_crc32, noise_for
from pairgen.shards.format import layout
from pairgen.shards.format.reader import StoredSample, map_file, read_samples
from pairgen.shards.format.where import parse_where
from pairgen.shards.loading.good_shards import bad_shard
from pairgen.shards.loading.training_set import (
    OpenSet,
    TrainingSet,
    check_noise_generator,
    open_set,
)
from pairgen.types import Plan

NOISE, LATENT = "noise.npy", "latent.npy"


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Pairs in the order of their dataset.

    Attributes:
        plan: The dataset's plan.
        keys: Keys of the samples, N.
        prompts: Prompts, N.
        guidance_scales: Guidance scales, N.
        noises: [N, C, H, W] float32.
        latents: End points, [N, C, H, W] float32.
        num_available: Number of samples to choose from.
    """

    plan: Plan
    keys: tuple[str, ...]
    prompts: tuple[str, ...]
    guidance_scales: tuple[float, ...]
    noises: np.ndarray
    latents: np.ndarray
    num_available: int

    def __len__(self) -> int:
        return len(self.keys)


def read_held_out(url: str, where: str, num_samples: int) -> HeldOut:
    """Read the first pairs of a dataset.

    Args:
        url: URL of the dataset.
        where: Condition over columns of its index; empty for all samples.
        num_samples: Number of pairs; 0 for 512, or all if there are fewer.

    Raises:
        ConfigError: There are fewer samples than requested, or none.
        CorruptShardError: A shard is missing, or does not match its receipt.
    """
    found = open_set(TrainingSet(url), parse_where(where) if where else None, skip_bad=False)
    available = sum(found.counts)
    if num_samples > available:
        raise ConfigError(
            f"num_samples must be at most the {available:,} samples that {url} gives, got "
            f"{num_samples:,}."
        )
    if NOISE not in found.base.plan.members:
        check_noise_generator(found)
    wanted = num_samples or min(USUAL_NUM_SAMPLES, available)
    pairs = list(_read(found, wanted))
    keys, prompts, scales, noises, latents = zip(*pairs, strict=True)
    return HeldOut(
        plan=found.base.plan,
        keys=keys,
        prompts=prompts,
        guidance_scales=scales,
        noises=np.stack(noises).astype(np.float32),
        latents=np.stack(latents).astype(np.float32),
        num_available=available,
    )


Pair = tuple[str, str, float, np.ndarray, np.ndarray]


def _read(found: OpenSet, num: int) -> Iterator[Pair]:
    base = found.base
    for shard_index, rows in zip(found.shards, found.rows, strict=True):
        if num == 0:
            return
        path = layout.shard_path(shard_index)
        kept = None if rows is None else set(rows.tolist())
        with base.store.local(path) as local, map_file(local) as view:
            if hashlib.sha256(view).hexdigest() != base.receipts[shard_index].sha256:
                raise bad_shard(base, path, "does not match its receipt")
            for row, sample in enumerate(read_samples(view)):
                if num and (kept is None or row in kept):
                    yield _pair(found, path, sample)
                    num -= 1
                # Release the view before its file is closed.
                sample.members.clear()


def _pair(found: OpenSet, path: str, sample: StoredSample) -> Pair:
    facts, latent = sample.decode("json"), np.array(sample.decode(LATENT))
    if NOISE in sample.members:
        noise = np.array(sample.decode(NOISE))
    else:
        dtype = found.base.plan.recipe["stored_dtype"]
        noise = noise_for(facts["seed"], facts["pair_index"], latent.shape, dtype)
        if array_crc32(noise) != facts["noise_crc32"]:
            reason = f"records another noise for sample {sample.key} than its seed gives"
            raise bad_shard(found.base, path, reason)
    return sample.key, sample.decode("txt"), float(facts["guidance_scale"]), noise, latent
