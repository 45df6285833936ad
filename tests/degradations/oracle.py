"""BasicSR 1.4.2 as the oracle: its files read from the source archive, torchvision left out.

The package cannot be imported beside today's torchvision, and needs none of it here but one
function. `make env` fetches the archive; without it the parity tests are skipped.
"""

import sys
import tarfile
import types
from functools import cache
from pathlib import Path

import pytest
import torch

ARCHIVE = Path(sys.prefix) / "oracle" / "basicsr-1.4.2.tar.gz"


def rgb_to_grayscale(image: torch.Tensor, num_output_channels: int = 1) -> torch.Tensor:
    """Do what torchvision's function of that name does."""
    assert num_output_channels == 1
    red, green, blue = image.unbind(dim=-3)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).unsqueeze(-3)


@cache
def basicsr_source(path: str) -> str:
    """Return the text of one file of the package, such as `models/realesrgan_model`."""
    if not ARCHIVE.exists():
        pytest.skip("the archive of basicsr 1.4.2 was not fetched")
    with tarfile.open(ARCHIVE) as archive:
        return archive.extractfile(f"basicsr-1.4.2/basicsr/{path}.py").read().decode()


@cache
def basicsr(path: str) -> types.ModuleType:
    """Return one file of the package as a module, such as `data/degradations`."""
    source = basicsr_source(path)
    stub = types.ModuleType("torchvision.transforms.functional_tensor")
    stub.rgb_to_grayscale = rgb_to_grayscale  # type: ignore[attr-defined]
    names = ("torchvision", "torchvision.transforms", stub.__name__)
    before = {name: sys.modules.get(name) for name in names}
    sys.modules |= {name: types.ModuleType(name) for name in names[:2]} | {stub.__name__: stub}
    module = types.ModuleType(f"basicsr_{path.replace('/', '_')}")
    try:
        exec(compile(source, f"basicsr/{path}.py", "exec"), module.__dict__)
    finally:
        for name, found in before.items():
            if found is None:
                del sys.modules[name]
            else:
                sys.modules[name] = found
    return module
