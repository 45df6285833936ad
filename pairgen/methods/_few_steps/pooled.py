"""One vector for a prompt."""

from torch import Tensor

from pairgen.teachers.base import Conditioning


def pooled(conditioning: Conditioning) -> Tensor:
    """Return one vector for each prompt, [B, D]: the model's own, else the mean over its tokens."""
    tensors = conditioning.tensors
    if "pooled_emb" in tensors:
        return tensors["pooled_emb"].float()
    return tensors["txt_emb"].float().mean(1)
