"""Load the networks of a pretrained model, and convert them."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from pairgen.errors import TeacherLoadError
from pairgen.teachers._pretrained.quiet import quiet


def load_network(
    network: Any, files: list[Path], variant: str, dtype: torch.dtype, **options: Any
) -> Any:
    """Load a network on the CPU, ready for inference: the stored weights, converted once.

    Args:
        network: The network's class, of diffusers or transformers.
        files: Weight files from `fetch_weights`, next to the config.
        variant: Variant of the files.
        dtype: Precision of the result, regardless of the config.
        **options: Options of the class.

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
                # With it, both libraries convert tensor by tensor: nothing is in memory twice.
                # Without it, transformers 5 rounds to the dtype in the config. It calls this
                # `dtype`, as 4.56 did; every version accepts the old name.
                torch_dtype=dtype,
                **options,
            )
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise TeacherLoadError(f"The weights in {folder} cannot be loaded: {reason}.") from None
    # The libraries would initialize missing tensors at random.
    if missing := sorted(info["missing_keys"]):
        raise TeacherLoadError(
            f"The weights in {folder} are incomplete: {len(missing)} tensors are missing, "
            f"including {missing[0]}."
        )
    return convert(loaded, dtype).eval().requires_grad_(False)


def convert(network: Any, dtype: torch.dtype) -> Any:
    """Convert a network in place."""
    # diffusers warns at every conversion, even if a network has no float32 part to keep.
    with quiet():
        return network.to(dtype)
