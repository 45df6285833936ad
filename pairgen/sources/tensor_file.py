"""Read a file that `torch.save` wrote, without unpickling anything but tensors."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pairgen.errors import ConfigError

# What torch raises for files that are damaged, or hold more than tensors.
REFUSED = (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError)


def load_tensor_file(path: Path, what: str) -> Mapping[Any, Any]:
    """Return the content of a file, on the CPU: a mapping; its values are unchecked.

    Args:
        path: The file.
        what: What it is to hold, for the error, such as `The head`.

    Raises:
        ConfigError: It cannot be read without unpickling, or holds no mapping.
    """
    try:
        # The sentence below replaces torch's warnings.
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            data = torch.load(path, map_location="cpu", weights_only=True)
    except REFUSED:
        data = None
    if not isinstance(data, Mapping):
        raise ConfigError(
            f"{what} {path} is not a file of tensors alone, and pairgen unpickles nothing else."
        )
    return data
