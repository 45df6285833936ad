"""Read the weights of an aesthetic predictor, of one of two published forms."""

from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pairgen.config import quoted
from pairgen.errors import ConfigError
from pairgen.sources.tensor_file import load_tensor_file

SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt")
# Where the linear layers of `improved-aesthetic-predictor` stand in its `layers`, between dropouts,
# and how wide they are. Its variant with activations has other numbers, so it is refused.
LAYERS = {0: 1024, 2: 128, 4: 64, 6: 16, 7: 1}


def read_head(path: Path, width: int) -> nn.Module:
    """Return a predictor, ready for inference on the CPU: [B, width] to [B, 1].

    Args:
        path: Its weights.
        width: Length of the embeddings that it will rate.

    Raises:
        ConfigError: The file cannot be read, or holds something else.
    """
    tensors = _read_tensors(path)
    # Without memory: nothing is drawn for weights that are replaced.
    with torch.device("meta"):
        head, keys = _linear(width) if "weight" in tensors else _layers(width)
    wanted = dict(zip(keys, head.state_dict().values(), strict=True))
    for name, like in wanted.items():
        if name not in tensors:
            raise ConfigError(
                f"{path} is not a known aesthetic predictor: it lacks {name}. Known are those of "
                "improved-aesthetic-predictor without activations (layers.0.weight ...) and "
                "aesthetic-predictor (weight, bias)."
            )
        if tensors[name].shape != like.shape:
            raise ConfigError(
                f"{name} in {path} must be {list(like.shape)} for this CLIP, whose embeddings have "
                f"{width} numbers, got {list(tensors[name].shape)}."
            )
    if unknown := sorted(tensors.keys() - wanted.keys()):
        raise ConfigError(
            f"{path} is not a known aesthetic predictor: it has {', '.join(unknown[:3])}."
        )
    loaded = {own: tensors[name].float() for own, name in zip(head.state_dict(), keys, strict=True)}
    head.load_state_dict(loaded, assign=True)
    return head.eval().requires_grad_(False)


def _linear(width: int) -> tuple[nn.Module, list[str]]:
    """Return LAION's predictor of one layer, and the names of its tensors in the file."""
    return nn.Linear(width, 1), ["weight", "bias"]


def _layers(width: int) -> tuple[nn.Module, list[str]]:
    """Return the improved predictor without its dropouts, and the names of its tensors."""
    widths = [width, *LAYERS.values()]
    layers = [nn.Linear(*pair) for pair in pairwise(widths)]
    keys = [f"layers.{number}.{part}" for number in LAYERS for part in ("weight", "bias")]
    return nn.Sequential(*layers), keys


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"head must be a {', '.join(SUFFIXES)} file, got {quoted(str(path))}.")
    if not path.is_file():
        raise ConfigError(f"There is no file {path}: head must name the weights of a predictor.")
    try:
        is_safe = path.suffix == ".safetensors"
        data = load_file(path) if is_safe else load_tensor_file(path, "The head")
    except (OSError, SafetensorError):
        data = None
    if data is None or not all(isinstance(each, Tensor) for each in data.values()):
        raise ConfigError(
            f"The head {path} is not a file of tensors alone, and pairgen unpickles nothing else."
        )
    return {str(name): each for name, each in data.items()}
