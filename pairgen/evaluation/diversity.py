"""Diversity: how far apart the images of one prompt are, and those of different prompts.

A model that makes the same image for a prompt has a distance within prompts near 0. Read it
relative to the distance between prompts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from pairgen.errors import ConfigError
from pairgen.wording import counted

# Images compared to all others at a time.
CHUNK = 256


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """Mean Euclidean distances between the features of two images; every pair counts once.

    Attributes:
        within: Mean over pairs of images of one prompt.
        between: Mean over pairs of images of different prompts.
    """

    within: float
    between: float


def diversity(features: ArrayLike, prompts: Sequence[str]) -> Diversity:
    """Measure how different images are, in float64.

    Args:
        features: Features of the images, [N, D].
        prompts: Prompt of each image, N; equal texts are the same prompt. Prompts with more images
            weigh more: give every prompt the same number of images.

    Raises:
        ConfigError: The shapes do not match, a value is not finite, no prompt has two images, or
            there is only one prompt.
    """
    x = torch.from_numpy(np.array(features, np.float64))
    if x.ndim != 2 or len(x) != len(prompts):
        raise ConfigError(
            f"features must be [N, D] with one prompt each, got {list(x.shape)} and "
            f"{counted(len(prompts), 'prompt')}."
        )
    if not x.isfinite().all():
        raise ConfigError("features must be finite, got NaN or infinity.")
    numbers = {prompt: number for number, prompt in enumerate(dict.fromkeys(prompts))}
    groups = torch.tensor([numbers[prompt] for prompt in prompts])
    sums, counts = {True: 0.0, False: 0.0}, {True: 0, False: 0}
    for start in range(0, len(x), CHUNK):
        # Differences, not products: products would lose small distances to cancellation.
        distances = torch.cdist(
            x[start : start + CHUNK], x, compute_mode="donot_use_mm_for_euclid_dist"
        )
        same = groups[start : start + CHUNK, None] == groups[None]
        later = torch.ones_like(same).triu(diagonal=start + 1)
        for is_same in (True, False):
            chosen = later & (same == is_same)
            sums[is_same] += float(distances[chosen].sum())
            counts[is_same] += int(chosen.sum())
    if not counts[True] or not counts[False]:
        raise ConfigError(
            "Diversity takes two prompts or more, one of them with two images or more, got "
            f"{counted(len(x), 'image')} of {counted(len(numbers), 'prompt')}."
        )
    return Diversity(within=sums[True] / counts[True], between=sums[False] / counts[False])
