"""Load the networks of a pretrained model, and convert them."""

from typing import Any

import torch

from pairgen.errors import TeacherLoadError, short
from pairgen.teachers._pretrained.folders.lora import Lora
from pairgen.teachers._pretrained.folders.tensors import incomplete, refuse_unfit, tell_unknown
from pairgen.teachers._pretrained.folders.weights import Weights
from pairgen.teachers._pretrained.quiet import quiet


def load_network(
    network: Any,
    weights: Weights,
    dtype: torch.dtype,
    *,
    lora: tuple[Lora, str] | None = None,
    **options: Any,
) -> Any:
    """Load a network on the CPU, ready for inference: the stored weights, converted once.

    Args:
        network: The network's class, of diffusers or transformers.
        weights: Weight files from `fetch_weights`, next to the config.
        dtype: Precision of the result, regardless of the config.
        lora: A LoRA to merge, and which part of the model this is; None for none.
        **options: Options of the class.

    Raises:
        TeacherLoadError: The weights are broken, incomplete, or of another network.
    """
    folder = weights.folder
    try:
        with quiet(), weights.plain_folder() as place:
            loaded, info = network.from_pretrained(
                str(place),
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                # With it, both libraries convert tensor by tensor: nothing is in memory twice.
                # Without it, transformers 5 rounds to the dtype in the config. It calls this
                # `dtype`, as 4.56 did; every version accepts the old name.
                torch_dtype=dtype if lora is None else torch.float32,
                **options,
            )
    except (MemoryError, torch.OutOfMemoryError):
        raise
    # Whatever a stranger's files make the libraries raise.
    except Exception as error:
        refuse_unfit(str(folder), weights, network)
        raise TeacherLoadError(
            f"The weights in {folder} cannot be loaded: {short(str(error))}."
        ) from None
    # The libraries would initialize missing tensors at random.
    if missing := sorted(info["missing_keys"]):
        raise TeacherLoadError(incomplete(weights, missing))
    tell_unknown(weights, info["unexpected_keys"])
    if hasattr(loaded, "register_to_config"):
        # It is saved with the network.
        loaded.register_to_config(_name_or_path=str(folder))
    loaded.eval().requires_grad_(False)
    if lora is not None:
        merged, part = lora
        merged.merge(part, loaded)
    return convert(loaded, dtype)


def convert(network: Any, dtype: torch.dtype) -> Any:
    """Convert a network in place."""
    # diffusers warns at every conversion, even if a network has no float32 part to keep.
    with quiet():
        return network.to(dtype)
