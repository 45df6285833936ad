"""What the demo measures of its pairs, by the evaluation net."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from pairgen.evaluation.judge import Judge


def measure_agreement(
    judge: "Judge", pictures: "np.ndarray", captions: Sequence[str]
) -> dict[str, str]:
    """Return how often an image fits its own prompt better than any other in the dataset."""
    from pairgen.evaluation.agreement import caption_ranks, top_k_agreement

    own = judge.embed_captions(captions)
    prompts = list(dict.fromkeys(captions))
    ranks = caption_ranks(
        judge.embed_pictures(_to_network(pictures)), own, judge.embed_captions(prompts)
    )
    share = top_k_agreement(ranks, 1)
    return {
        "prompt agreement": f"{100 * share:.0f} % of {len(pictures)} images fit their own "
        f"prompt better than the other {len(prompts) - 1}"
    }


def measure_diversity(
    judge: "Judge",
    prompt: str,
    noise_pictures: "np.ndarray",
    noise_captions: Sequence[str],
    pictures: "np.ndarray",
    captions: Sequence[str],
) -> dict[str, str]:
    """Return the mean distances between images of one prompt and of different prompts."""
    import numpy as np

    from pairgen.evaluation.diversity import diversity

    # One image of every other prompt: the dataset contains that prompt too.
    others = [captions.index(each) for each in dict.fromkeys(captions) if each != prompt]
    shown = np.concatenate([noise_pictures, pictures[others]])
    prompts = [*noise_captions, *(captions[place] for place in others)]
    found = diversity(judge.features(_to_network(shown)), prompts)
    return {
        "mean feature distance": f"{found.within:.1f} between noises of one prompt, "
        f"{found.between:.1f} between prompts"
    }


def _to_network(pictures: "np.ndarray") -> Any:
    """Convert images [N, H, W, 3] uint8 to [N, 3, H, W] in [-1, 1]."""
    import torch

    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
