"""Facts about the machine: device, clock, and versions of the packages that can change bits."""

import platform
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version

import torch

import pairgen
from pairgen.errors import OutOfDeviceMemoryError


def device_name(device: torch.device) -> str:
    """Return the model of the GPU, or the machine type of the CPU."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"cpu {platform.machine()}"


def device_clock(device: torch.device) -> float:
    """Wait for the device to finish its work; return the clock in seconds."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def batch_does_not_fit(batch_size: int, device: torch.device) -> OutOfDeviceMemoryError:
    """Return an error that suggests a batch size that may fit."""
    advice = f"run the same command with --batch-size {batch_size // 2}"
    if batch_size == 1:
        advice = "use a device with more memory"
    return OutOfDeviceMemoryError(
        f"A batch of {batch_size} does not fit into the memory of {device}: {advice} "
        "(finished shards are kept)."
    )


def versions(modules: Sequence[str]) -> dict[str, str]:
    """Return the versions of pairgen, Python, and those of the modules that are imported."""
    loaded = (name for name in modules if name in sys.modules)
    return {
        "pairgen": pairgen.__version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in loaded},
    }


def _version(module: str) -> str:
    # Two packages provide cv2, and Pillow provides PIL.
    found = {"cv2": "", "PIL": "pillow"}.get(module, module)
    return version(found) if found else str(sys.modules[module].__version__)
