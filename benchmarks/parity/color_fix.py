"""The colour fixes of `pairgen restore` beside those of OSEDiff.

    python benchmarks/parity/color_fix.py --osediff CHECKOUT

CHECKOUT: a clone of cswry/OSEDiff, of which `my_utils/wavelet_color_fix.py` is run: take one that
you trust. The module's two names of torchvision, which its functions on tensors do not use, are
left empty.

Photographs of the package, blurred and with other colours, at odd sizes down to 1 px. The largest
difference allowed is 1e-5 of a range of 1, since both compute in float32. More is exit code 1.
"""

import argparse
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pairgen.config import packaged_assets
from pairgen.sampling.color_fix import adain, wavelet

ALLOWED = 1e-5
# Height and width.
SIZES = ((203, 317), (64, 64), (17, 3), (1, 40), (1, 2))


def load_osediff(checkout: Path) -> types.ModuleType:
    """Return OSEDiff's module."""
    transforms = types.ModuleType("torchvision.transforms")
    vars(transforms).update(ToTensor=None, ToPILImage=None)
    sys.modules.update({"torchvision": types.ModuleType("torchvision")})
    sys.modules["torchvision.transforms"] = transforms
    path = checkout / "my_utils/wavelet_color_fix.py"
    spec = importlib.util.spec_from_file_location("wavelet_color_fix", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def images(size: tuple[int, int]) -> list[tuple[Tensor, Tensor]]:
    """Return restored images and those that they were made from, [3, H, W] in [0, 1]."""
    height, width = size
    found = []
    for path in sorted((packaged_assets() / "photographs").glob("*.jpg")):
        with Image.open(path) as image:
            restored = image.convert("RGB").crop((0, 0, width, height))
        small = restored.resize((max(width // 4, 1), max(height // 4, 1)))
        given = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)) / 255
        other = np.asarray(restored) / 255 * (0.9, 1, 0.8) + (0.05, 0, 0.1)
        pair = (torch.tensor(x, dtype=torch.float32) for x in (other, given))
        found.append(tuple(x.permute(2, 0, 1) for x in pair))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--osediff", type=Path, required=True)
    theirs = load_osediff(parser.parse_args().osediff)
    pairs = {
        "adain": (adain, theirs.adaptive_instance_normalization),
        "wavelet": (wavelet, theirs.wavelet_reconstruction),
    }
    fits = []
    for name, (ours, published) in pairs.items():
        for size in SIZES:
            differences = [
                (ours(image.clone(), given) - published(image[None], given[None])[0]).abs().max()
                for image, given in images(size)
            ]
            largest = float(max(differences))
            fits.append(largest <= ALLOWED)
            print(f"{name:<8} {size[1]:4} x {size[0]:<4} largest difference {largest:.1e}")
    return 0 if all(fits) else 1


if __name__ == "__main__":
    sys.exit(main())
