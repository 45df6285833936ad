"""The dtype of a network where the user gives none: the model's own on GPUs, else float32."""

from collections.abc import Callable

import torch

# Half precision takes many times as long as it on most CPUs.
ON_CPU = "float32"


def usual_dtype(own: str, on_cluster: bool = False) -> str:
    """Return the dtype that a model is run in.

    Args:
        own: The model's own, by its file.
        on_cluster: Whether the work goes to a cluster, which may have GPUs.
    """
    return own if on_cluster or torch.cuda.is_available() else ON_CPU


def say_dtype(own: str, dtype: str, say: Callable[[str], None], on_cluster: bool = False) -> None:
    """Tell of a dtype that is not the model's own, or takes long, because no GPU is seen.

    Args:
        own: The model's own.
        dtype: The one to be used.
        say: Takes the line, if there is something to tell.
        on_cluster: Whether the work goes to a cluster, which may have GPUs.
    """
    if on_cluster or torch.cuda.is_available():
        return
    if dtype != ON_CPU:
        say(f"No GPU is seen: {dtype} takes many times as long as {ON_CPU} on most CPUs.")
    elif own != ON_CPU:
        say(f"No GPU is seen: computing in {ON_CPU} instead of {own} (--dtype).")
