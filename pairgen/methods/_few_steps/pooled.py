"""One vector for a prompt."""

from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.methods.base import Setup
from pairgen.sampling.conditioning import Conditioning

POOLED, TOKENS = "pooled_emb", "txt_emb"


def pooled(conditioning: Conditioning) -> Tensor:
    """Return one vector for each prompt, [B, D]: the model's own, else the mean over its tokens."""
    tensors = conditioning.tensors
    if POOLED in tensors:
        return tensors[POOLED].float()
    return tensors[TOKENS].float().mean(1)


def pooled_width(setup: Setup) -> int:
    """Return the length of a pooled prompt.

    Raises:
        ConfigError: The teacher's prompts are no texts.
    """
    for name in (POOLED, TOKENS):
        # Stored embeddings tell it without a text encoder.
        if stored := setup.members.get(f"{name}.npy"):
            return int(stored["shape"][-1])
    negative = setup.teacher.negative
    if not {POOLED, TOKENS} & negative.tensors.keys():
        raise ConfigError(
            "The heads of the discriminator know the text, so the model must be one of texts; the "
            f"prompts of this one are {' and '.join(negative.tensors) or 'none'}."
        )
    return pooled(negative).shape[1]
