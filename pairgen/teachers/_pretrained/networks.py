"""Load the networks of a pretrained model, and convert them."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from pairgen.errors import TeacherLoadError
from pairgen.teachers._pretrained.quiet import quiet


def load_network(network: Any, files: list[Path], variant: str, dtype: torch.dtype) -> Any:
    """Load a network on the CPU, ready for inference: the stored weights, converted once.

    Args:
        network: Its class, of diffusers or transformers.
        files: Its weights, from `fetch_weights`; the config stands beside them.
        variant: Of the files.
        dtype: Of the result, whatever dtype the config names.

    Raises:
        TeacherLoadError: The weights are broken, incomplete, or of another network.
    """
    folder = files[0].parent
    try:
        with quiet():
            loaded, info = network.from_pretrained(
                str(folder),
                use_safetensors=True,
                local_files_only=True,
                variant=variant or None,
                output_loading_info=True,
                # Told, both libraries convert tensor by tensor: nothing is in memory twice. Untold,
                # transformers 5 rounds to the dtype that the config names. It calls this `dtype`,
                # as 4.56 did; the old name is known to every version.
                torch_dtype=dtype,
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
