"""Read the pairs to evaluate on, in order."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from pairgen.judging.samples import open_held_out
from pairgen.seeding import array_crc32, noise_for
from pairgen.shards.format import layout
from pairgen.shards.format.reader import StoredSample
from pairgen.shards.loading.first_samples import first_samples
from pairgen.shards.loading.good_shards import bad_shard
from pairgen.shards.loading.training_set import OpenSet, check_noise_generator
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
    """Read the first pairs of a dataset, see `open_held_out`.

    Raises:
        ConfigError: There are fewer samples than requested, or none.
        CorruptShardError: A shard is missing, or does not match its receipt.
    """
    samples = open_held_out(url, where, num_samples)
    found = samples.found
    if NOISE not in found.base.plan.members:
        check_noise_generator(found)
    pairs = [_pair(found, each) for each in first_samples(found, samples.num)]
    keys, prompts, scales, noises, latents = zip(*pairs, strict=True)
    return HeldOut(
        plan=found.base.plan,
        keys=keys,
        prompts=prompts,
        guidance_scales=scales,
        noises=np.stack(noises).astype(np.float32),
        latents=np.stack(latents).astype(np.float32),
        num_available=samples.num_available,
    )


def data_facts(pairs: HeldOut, url: str, where: str) -> dict[str, Any]:
    """Return the facts of pairs from a URL that meet a condition, as in eval.json."""
    plan = pairs.plan
    return {
        "url": url,
        "fingerprint": plan.fingerprint(),
        "num_samples": len(pairs),
        "num_available": pairs.num_available,
        "num_prompts": len(set(pairs.prompts)),
        "where": where,
        "teacher": plan.teacher["name"],
        **{name: plan.recipe[name] for name in ("solver", "spacing", "steps", "end")},
        "guidance_scales": plan.recipe["guidance_scales"],
    }


Pair = tuple[str, str, float, np.ndarray, np.ndarray]


def _pair(found: OpenSet, sample: StoredSample) -> Pair:
    facts, latent = sample.decode("json"), np.array(sample.decode(LATENT))
    if NOISE in sample.members:
        noise = np.array(sample.decode(NOISE))
    else:
        dtype = found.base.plan.recipe["stored_dtype"]
        noise = noise_for(facts["seed"], facts["pair_index"], latent.shape, dtype)
        if array_crc32(noise) != facts["noise_crc32"]:
            reason = f"records another noise for sample {sample.key} than its seed gives"
            path = layout.shard_path(int(sample.key) // found.base.plan.samples_per_shard)
            raise bad_shard(found.base, path, reason)
    return sample.key, sample.decode("txt"), float(facts["guidance_scale"]), noise, latent
