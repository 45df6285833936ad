"""Load the networks of a pretrained model, and convert them."""

from pathlib import Path
from typing import Any

import torch
from diffusers import ModelMixin
from safetensors import SafetensorError

from pairgen.errors import TeacherLoadError
from pairgen.teachers._pretrained.quiet import quiet


def load_network(network: Any, files: list[Path], variant: str, dtype: torch.dtype) -> Any:
    """Load a network on the CPU, ready for inference.

    Args:
        network: Its class, of diffusers or transformers.
        files: Its weights, from `fetch_weights`; the config stands beside them.
        variant: Of the files.
        dtype: Of the result.

    Raises:
        TeacherLoadError: The weights are broken, incomplete, or of another network.
    """
    folder = files[0].parent
    # A UNet must not be in memory twice; text encoders are small and converted below, whatever
    # their library calls the option.
    options = {"torch_dtype": dtype} if issubclass(network, ModelMixin) else {}
    try:
        with quiet():
            loaded, info = network.from_pretrained(
                str(folder),
                use_safetensors=True,
                local_files_only=True,
                variant=variant or None,
                output_loading_info=True,
                **options,
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise TeacherLoadError(f"The weights in {folder} cannot be loaded: {reason}.") from None
    # The libraries would fill what is missing with random numbers.
    if missing := sorted(info["missing_keys"]):
        raise TeacherLoadError(
            f"The weights in {folder} are incomplete: {len(missing)} tensors are missing, "
            f"{missing[0]} among them."
        )
    return convert(loaded, dtype).eval().requires_grad_(False)


def convert(network: Any, dtype: torch.dtype) -> Any:
    """Convert a network in place."""
    # diffusers warns at every conversion, even of a network without any float32 part to keep.
    with quiet():
        return network.to(dtype)
