"""The dtype of a network where the user gives none: the model's own on GPUs, else float32."""

import os
from collections.abc import Callable

import torch

# Half precision takes many times as long as it on most CPUs.
ON_CPU = "float32"


def usual_dtype(own: str) -> str:
    """Return the dtype that a model is run in.

    Args:
        own: The model's own, by its file.
    """
    return own if sees_gpu() else ON_CPU


def sees_gpu() -> bool:
    """Whether this machine has a GPU, or the work may go to a cluster, which may have some."""
    return torch.cuda.is_available() or bool(os.environ.get("RAY_ADDRESS"))


def say_dtype(own: str, dtype: str, say: Callable[[str], None]) -> None:
    """Tell of a dtype that is not the model's own, or takes long, because no GPU is seen.

    Args:
        own: The model's own.
        dtype: The one to be used.
        say: Takes the line, if there is something to tell.
    """
    if sees_gpu():
        return
    if dtype != ON_CPU:
        say(f"No GPU is seen: {dtype} takes many times as long as {ON_CPU} on most CPUs.")
    elif own != ON_CPU:
        say(f"No GPU is seen: computing in {ON_CPU} instead of {own} (--dtype).")
