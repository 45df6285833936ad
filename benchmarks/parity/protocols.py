"""The protocols of `pairgen eval` beside pyiqa itself, and beside the figures that OSEDiff logged.

    python benchmarks/parity/protocols.py --pyiqa CHECKOUT [--osediff CHECKOUT] [--num 100]

CHECKOUT of pyiqa: a clone of chaofengc/IQA-PyTorch, or an unpacked wheel (`pip download --no-deps
pyiqa==0.1.10`). Only the files of its PSNR and SSIM are loaded, which need no torchvision.
CHECKOUT of OSEDiff: a clone of cswry/OSEDiff, which holds results, targets and the log of every
image's figures (`preset/datasets/benchmark_*`). Code of a checkout is run: take one that you trust.

1. Photographs of the package, blurred and noisy: `real-isr` beside pyiqa's `psnr` and `ssim` with
   `test_y_channel=True, color_space='ycbcr'`; and by how much pyiqa's own default, 'yiq', is off.
2. OSEDiff's results on RealSR and DRealSR: every image's figures beside the log.

Largest differences allowed: 1e-4 dB and 1e-5 for pyiqa, which computes in float32, and 1e-3 dB
and 1e-4 for the log, which was computed on a GPU. More is exit code 1.
"""

import argparse
import re
import sys
import types
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pairgen.config import packaged_assets
from pairgen.evaluation.fidelity import psnr, ssim
from pairgen.evaluation.protocols import REAL_ISR

LINE = re.compile(r"results_osediff/(\S+\.png) \| PSNR: ([\d.]+); SSIM: ([\d.]+);")
SIZE = 192
Measure = Callable[[np.ndarray, np.ndarray], np.ndarray]


def load_pyiqa(checkout: Path) -> tuple[types.ModuleType, types.ModuleType]:
    """Return pyiqa's modules of PSNR and SSIM; its packages' own imports are left out."""
    for name in ("pyiqa", "pyiqa.utils", "pyiqa.archs"):
        package = types.ModuleType(name)
        package.__path__ = [str(checkout / name.replace(".", "/"))]
        sys.modules[name] = package
    from pyiqa.archs import psnr_arch, ssim_arch

    return psnr_arch, ssim_arch


def photographs() -> tuple[np.ndarray, np.ndarray]:
    """Return images blurred and noisy, and their targets, [N, H, W, 3] uint8."""
    rng = np.random.default_rng(0)
    found, targets = [], []
    for path in sorted((packaged_assets() / "photographs").glob("*.jpg")):
        with Image.open(path) as image:
            target = image.convert("RGB").crop((0, 0, SIZE, SIZE))
        small = target.resize((SIZE // 4, SIZE // 4), Image.Resampling.BICUBIC)
        blurred = np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BICUBIC), np.float64)
        for scale in (0, 5, 25):
            noisy = blurred + rng.normal(scale=scale, size=blurred.shape)
            found.append(noisy.clip(0, 255).round().astype(np.uint8))
            targets.append(np.asarray(target))
    return np.stack(found), np.stack(targets)


def compare(name: str, ours: np.ndarray, theirs: np.ndarray, allowed: float) -> bool:
    """Print a row; return whether no difference is larger than allowed."""
    difference = np.abs(ours - theirs).max()
    fits = bool(difference <= allowed)
    print(
        f"{name:<34} {len(ours):4} images {ours.mean():9.4f} {theirs.mean():9.4f}  "
        f"largest difference {difference:.1e}{'' if fits else f', more than {allowed:g}'}"
    )
    return fits


def beside_pyiqa(checkout: Path) -> list[bool]:
    psnr_arch, ssim_arch = load_pyiqa(checkout)

    def theirs(metric: torch.nn.Module) -> np.ndarray:
        found, targets = (torch.from_numpy(each) for each in photographs())
        with torch.no_grad():
            return metric(*(x.permute(0, 3, 1, 2).float() / 255 for x in (found, targets))).numpy()

    studio = {"test_y_channel": True, "color_space": "ycbcr"}
    full = replace(REAL_ISR, name="full range", levels=(0, 255))
    images = photographs()
    rows = [
        ("PSNR, real-isr", psnr(*images, REAL_ISR), psnr_arch.PSNR(**studio), 1e-4),
        ("SSIM, real-isr", ssim(*images, REAL_ISR), ssim_arch.SSIM(**studio), 1e-5),
        ("PSNR, Y from 0 to 255 ('yiq')", psnr(*images, full), psnr_arch.PSNR(True), 1e-4),
    ]
    fits = [compare(name, ours, theirs(metric), allowed) for name, ours, metric, allowed in rows]
    apart = (psnr(*images, REAL_ISR) - psnr(*images, full)).mean()
    print(f"The two readings of Y lie {apart:.4f} dB apart.")
    return fits


def beside_the_log(checkout: Path, num: int) -> list[bool]:
    fits = []
    for folder in sorted((checkout / "preset/datasets").glob("benchmark_*")):
        (log,) = (folder / "results_osediff/metrics").glob("*.log")
        logged = LINE.findall(log.read_text())[:num]
        ours: list[tuple[float, float]] = []
        for name, _, _ in logged:
            pair = (
                np.asarray(Image.open(folder / where / name).convert("RGB"))[None]
                for where in ("results_osediff", "test_HR")
            )
            found, target = pair
            ours.append((psnr(found, target, REAL_ISR)[0], ssim(found, target, REAL_ISR)[0]))
        for column, (metric, allowed) in enumerate((("PSNR", 1e-3), ("SSIM", 1e-4))):
            theirs = np.array([float(line[1 + column]) for line in logged])
            mine = np.array([each[column] for each in ours])
            fits.append(compare(f"{metric}, {folder.name}", mine, theirs, allowed))
    return fits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pyiqa", type=Path)
    parser.add_argument("--osediff", type=Path)
    parser.add_argument("--num", type=int, default=100, help="images of each of OSEDiff's sets")
    options = parser.parse_args()
    if not (options.pyiqa or options.osediff):
        parser.error("give --pyiqa or --osediff")
    print(f"{REAL_ISR.label}: {REAL_ISR}.\n{'':<46} {'pairgen':>9} {'theirs':>9}")
    fits = beside_pyiqa(options.pyiqa) if options.pyiqa else []
    fits += beside_the_log(options.osediff, options.num) if options.osediff else []
    return 0 if all(fits) else 1


if __name__ == "__main__":
    sys.exit(main())
