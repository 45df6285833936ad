"""pairgen degrade beside BasicSR's tensor path and a plain OpenCV chain, in one run.

    python benchmarks/degrade.py [--sizes 256,512] [--num-images 24] [--repeats 5]

One thread. All three run the same recorded draws of the preset `realesrgan` for 1/4, from an 8-bit
HR image to 8-bit LR. Prints medians of `--repeats`, interleaved:
1. the whole chain: pairgen (its drawing included), OpenCV and NumPy as one would write it,
   BasicSR's tensor operations one image at a time and in batches of 8 with one draw;
2. drawing the parameters and kernels of the two blurs, beside `random_mixed_kernels`;
3. unsharp masking beside `USMSharp`.
BasicSR is read from the source archive that `make env` fetches.
"""

import argparse
import functools
import platform
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from interleaved import interleaved

sys.path.insert(0, str(Path(__file__).parent.parent))

from pairgen import plugins
from pairgen.degradations import _kernels
from pairgen.degradations.base import Target, from_levels
from pairgen.kinds.degrade.pyramid import find_preset, render
from tests.degradations.oracle import basicsr
from tests.degradations.pictures import make_picture
from tests.degradations.reference import KERNEL_SIZE, kernel_of

LEVEL, BATCH = 4, 8
CPU = torch.device("cpu")
MODES = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


def print_table(title: str, milliseconds: dict[str, float]) -> None:
    print(f"\n{title}")
    base = next(iter(milliseconds.values()))
    for name, each in milliseconds.items():
        print(f"  {name:<46} {each:9.3f} ms  {1000 / each:9.1f} /s  {each / base:7.2f}x")


def run_chain(x: Any, draw: dict[str, Any], apply: Callable[..., Any]) -> Any:
    """Run the leaves of a recorded draw in order: `apply(x, name, draw, level, size)`."""
    height = x.shape[-2] if isinstance(x, torch.Tensor) else x.shape[0]
    for chain, level in (("shared", 1), ("levels", LEVEL)):
        for name, drawn in leaves(draw[chain]["operations"]):
            x = apply(x, name, drawn, level, height // level)
    return x


def leaves(operations: list[dict[str, Any]]) -> Any:
    for operation in operations:
        name, drawn = next((k, v) for k, v in operation.items() if k != "choice")
        if name == "one_of":
            yield from leaves([{k: v for k, v in drawn.items() if k != "choice"}])
        elif name == "maybe":
            yield from leaves(drawn["operations"]) if drawn["applied"] else ()
        elif name == "shuffled":
            for i in drawn["order"]:
                yield from leaves(drawn["groups"][i]["operations"])
        else:
            yield name, drawn


def tensor_path(images: np.ndarray, draw: dict[str, Any], device: torch.device) -> None:
    """BasicSR's operations on [B, H, W, 3] uint8, one draw for the batch; the result on the CPU."""
    x = torch.from_numpy(images).to(device).permute(0, 3, 1, 2).contiguous().float() / 255
    x = run_chain(x, draw, tensor_operation)
    (x.clamp(0, 1) * 255).round().byte().cpu()


def tensor_operation(x: Any, name: str, draw: dict[str, Any], level: int, side: int) -> Any:
    filters, noises = basicsr("utils/img_process_util"), basicsr("data/degradations")
    num = len(x)
    if name.endswith("blur") or name == "sinc_filter":
        kernel = torch.from_numpy(kernel_of(name, draw)).float().to(x.device)
        return filters.filter2D(x.contiguous(), kernel.expand(num, -1, -1).contiguous())
    if name == "unsharp_mask":
        return sharpener(x.device)(x.contiguous())
    if name == "resize" and level == 1:
        return F.interpolate(x, scale_factor=draw["factor"], mode=draw["mode"])
    if name.startswith("resize"):
        factor = draw["factor"] if name == "resize" else 1
        return F.interpolate(x, (int(side * factor), int(side * factor)), mode=draw["mode"])
    if name == "gaussian_noise":
        gray = torch.full((num, 1, 1, 1), float(draw["gray"]), device=x.device)
        sigma = torch.full((num,), draw["sigma"], device=x.device)
        return noises.add_gaussian_noise_pt(x, sigma, gray_noise=gray, clip=True)
    if name == "poisson_noise":
        gray = torch.full((num, 1, 1, 1), float(draw["gray"]), device=x.device)
        scale = torch.full((num,), draw["scale"], device=x.device)
        return noises.add_poisson_noise_pt(x, scale, gray_noise=gray, clip=True)
    assert name == "jpeg", name
    quality = torch.full((num,), float(draw["quality"]), device=x.device)
    return jpeger(x.device)(x.clamp(0, 1), quality=quality)


@functools.cache
def sharpener(device: torch.device) -> Any:
    return basicsr("utils/img_process_util").USMSharp().to(device)


@functools.cache
def jpeger(device: torch.device) -> Any:
    return basicsr("utils/diffjpeg").DiffJPEG(differentiable=False).to(device)


def opencv_chain(image: np.ndarray, draw: dict[str, Any]) -> None:
    """The chain as one would write it with OpenCV and NumPy."""
    x = run_chain(image.astype(np.float32) / 255, draw, opencv_operation)
    (x.clip(0, 1) * 255).round().astype(np.uint8)


def opencv_operation(x: Any, name: str, draw: dict[str, Any], level: int, side: int) -> Any:
    if name.endswith("blur") or name == "sinc_filter":
        pad = (KERNEL_SIZE - draw["kernel_size"]) // 2
        kernel = kernel_of(name, draw)
        return cv2.filter2D(x, -1, kernel[pad:-pad, pad:-pad] if pad else kernel)
    if name == "unsharp_mask":
        residual = x - cv2.GaussianBlur(x, (51, 51), 0)
        mask = (np.abs(residual) * 255 > 10).astype(np.float32)
        soft = cv2.GaussianBlur(mask, (51, 51), 0)
        return soft * np.clip(x + 0.5 * residual, 0, 1) + (1 - soft) * x
    if name.startswith("resize"):
        size = (side, side)
        if name == "resize":
            start = size if level > 1 else x.shape[:2]
            size = tuple(int(length * draw["factor"]) for length in start)
        return cv2.resize(x, size[::-1], interpolation=MODES[draw["mode"]])
    shape = (*x.shape[:2], 1 if draw.get("gray") else 3)
    if name == "gaussian_noise":
        noise = np.random.default_rng().normal(0, draw["sigma"] / 255, shape)
        return np.clip(x + noise, 0, 1).astype(np.float32)
    if name == "poisson_noise":
        mean = cv2.cvtColor(x, cv2.COLOR_RGB2GRAY)[..., None] if draw["gray"] else x
        mean = np.clip((mean * 255).round(), 0, 255) / 255
        vals = 2 ** np.ceil(np.log2(len(np.unique(mean))))
        noise = np.random.default_rng().poisson(mean * vals) / vals - mean
        return np.clip(x + noise * draw["scale"], 0, 1).astype(np.float32)
    assert name == "jpeg", name
    levels = (x.clip(0, 1) * 255).round().astype(np.uint8)
    data = cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, round(draw["quality"])])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR).astype(np.float32) / 255


def bench_chain(size: int, num_images: int, repeats: int) -> None:
    preset = find_preset("realesrgan")
    images = [
        (make_picture(size, size, seed=i) * 255).round().astype(np.uint8) for i in range(num_images)
    ]
    draws = [preset.draw(np.random.default_rng([1, i])) for i in range(num_images)]
    batches = [np.stack(images[i : i + BATCH]) for i in range(0, num_images, BATCH)]

    def pairgen_chain() -> None:
        for i, image in enumerate(images):
            render(preset, image, preset.draw(np.random.default_rng([1, i])), (LEVEL,))

    def opencv() -> None:
        for image, draw in zip(images, draws, strict=True):
            opencv_chain(image, draw)

    def one_by_one() -> None:
        for image, draw in zip(images, draws, strict=True):
            tensor_path(image[None], draw, CPU)

    def in_batches() -> None:
        # A draw each, spread over those that the others run.
        for batch, draw in zip(batches, draws[::BATCH], strict=True):
            tensor_path(batch, draw, CPU)

    runs: dict[str, Callable[[], object]] = {
        "pairgen": pairgen_chain,
        "plain OpenCV and NumPy": opencv,
        "BasicSR, batch 1": one_by_one,
        f"BasicSR, batch {BATCH} sharing a draw": in_batches,
    }
    medians = interleaved(runs, repeats)
    table = {name: seconds / num_images * 1000 for name, seconds in medians.items()}
    print_table(f"1. Whole chain, HR {size}, 1/{LEVEL}, ms an image", table)


# The figures of Real-ESRGAN's training options: shares of the six kinds of kernels.
KINDS = ["iso", "aniso", "generalized_iso", "generalized_aniso", "plateau_iso", "plateau_aniso"]
SHARES = [0.45, 0.25, 0.12, 0.03, 0.12, 0.03]


def bench_kernels(repeats: int, num: int = 512) -> None:
    family = ("isotropic", "anisotropic", "generalized", "generalized", "plateau", "plateau")
    options: list[dict[str, Any]] = [{}, {}, {}, {"isotropic": False}, {}, {"isotropic": False}]
    operations = [
        plugins.build("degradations", f"{name}_blur", **each)
        for name, each in zip(family, options, strict=True)
    ]

    def kernel(name: str, draw: dict[str, Any]) -> object:
        sigma = draw.get("sigma", draw.get("sigma_x")), draw.get("sigma", draw.get("sigma_y"))
        shape = draw["kernel_size"], sigma, draw.get("angle", 0.0)
        if name == "generalized":
            return _kernels.generalized_gaussian(*shape, draw["beta"])
        if name == "plateau":
            return _kernels.plateau(*shape, draw["beta"])
        return _kernels.gaussian(*shape)

    def one_by_one() -> None:
        generator = np.random.default_rng(0)
        for kind in generator.choice(6, num, p=SHARES):
            kernel(family[kind], operations[kind].draw(generator))

    def together() -> None:
        generator = np.random.default_rng(0)
        sigma = generator.uniform(0.2, 3, (2, num, 1, 1))
        angle = generator.uniform(-np.pi, np.pi, (num, 1, 1))
        _kernels.gaussian(KERNEL_SIZE, (sigma[0], sigma[1]), angle)

    def mixed() -> None:
        draw = basicsr("data/degradations").random_mixed_kernels
        for _ in range(num):
            size = random.choice(range(7, 22, 2))
            draw(KINDS, SHARES, size, [0.2, 3], [0.2, 3], [-np.pi, np.pi], [0.5, 4], [1, 2])

    medians = interleaved(
        {
            "pairgen, one by one": one_by_one,
            f"pairgen, {num} of 21 px in one call": together,
            "BasicSR random_mixed_kernels": mixed,
        },
        repeats,
    )
    table = {name: seconds / num * 1000 for name, seconds in medians.items()}
    print_table("2. Drawing a blur's parameters and kernel, ms each", table)


def bench_unsharp(size: int, repeats: int) -> None:
    image = from_levels((make_picture(size, size) * 255).round().astype(np.uint8))
    planes = torch.from_numpy(image.copy()).permute(2, 0, 1)[None]
    operation = plugins.build("degradations", "unsharp_mask")
    draw, target = operation.draw(np.random.default_rng(0)), Target(1, (size, size))
    medians = interleaved(
        {
            "pairgen": lambda: operation.apply(image, draw, target),
            "BasicSR USMSharp": lambda: sharpener(planes.device)(planes),
        },
        repeats,
    )
    found = sharpener(planes.device)(planes)[0].permute(1, 2, 0).numpy()
    largest = np.abs(found - operation.apply(image, draw, target)).max()
    table = {name: seconds * 1000 for name, seconds in medians.items()}
    print_table(f"3. Unsharp masking, {size} px; largest difference {largest:.1e}", table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default="256,512")
    parser.add_argument("--num-images", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    print(
        f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"OpenCV {cv2.__version__}, NumPy {np.__version__}, 1 thread"
    )
    sizes = [int(size) for size in options.sizes.split(",")]
    for size in sizes:
        bench_chain(size, options.num_images, options.repeats)
    bench_kernels(options.repeats)
    for size in sizes:
        bench_unsharp(size, options.repeats)


if __name__ == "__main__":
    main()
