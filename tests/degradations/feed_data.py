"""Real-ESRGAN's own `feed_data`, driven by a recorded draw.

BasicSR 1.4.2 has the same function. What it draws is replaced by what was recorded; its filters
are basicsr's, its interpolation torch's. Only the noise fields and the codec are those that pairgen
uses, since a draw cannot pin those down. The crop and the pool of pairs are left out.
"""

import sys
import types
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F

from pairgen.degradations.base import Draw
from tests.degradations.oracle import basicsr
from tests.degradations.reference import KERNEL_SIZE, jpeg, kernel_of, noise

IMPORTED = {
    "basicsr.data.degradations": ("random_add_gaussian_noise_pt", "random_add_poisson_noise_pt"),
    "basicsr.data.transforms": ("paired_random_crop",),
    "basicsr.losses.loss_util": ("get_refined_artifact_map",),
    "basicsr.models.srgan_model": ("SRGANModel",),
    "basicsr.utils": ("DiffJPEG", "USMSharp"),
    "basicsr.utils.img_process_util": ("filter2D",),
    "basicsr.utils.registry": ("MODEL_REGISTRY",),
}


class Registry:
    """Stands for MODEL_REGISTRY."""

    def register(self, suffix: str = "") -> Callable[[Any], Any]:
        del suffix
        return lambda model: model


def load_model(source: str) -> types.ModuleType:
    """Return realesrgan_model.py as a module, without what `feed_data` does not need."""
    stubs = {}
    for name, members in IMPORTED.items():
        for part in (name.split(".")[0], name.rpartition(".")[0], name):
            stubs.setdefault(part, types.ModuleType(part))
        for member in members:
            setattr(stubs[name], member, object)
    stubs["basicsr.utils.registry"].MODEL_REGISTRY = Registry()  # type: ignore[attr-defined]
    module = types.ModuleType("realesrgan_model")
    with mock.patch.dict(sys.modules, stubs):
        exec(compile(source, "realesrgan_model.py", "exec"), module.__dict__)
    filters = basicsr("utils/img_process_util")
    module.filter2D = filters.filter2D  # type: ignore[attr-defined]
    return module


def unseen(step: str, x: torch.Tensor) -> torch.Tensor:
    """Leave the input of a step as it is."""
    del step
    return x


def render_published(
    model: types.ModuleType,
    image: np.ndarray,
    draw: Draw,
    level: int,
    positions: str = "scale",
    see: Callable[[str, torch.Tensor], torch.Tensor] = unseen,
    dtype: torch.dtype = torch.float32,
) -> np.ndarray:
    """Return LR at 1 / level of an image [H, W, 3] uint8 as float32 in [0, 255].

    Args:
        model: The module that `load_model` returned.
        image: HR.
        draw: A draw of `realesrgan`, or of a preset of the same chain without the sharpening.
        level: N.
        positions: Of the first resize; `size` replaces the published one.
        see: Called with the name and the input [1, 3, H, W] of each step that rounds, a noise or a
            JPEG, in order; returns the input to use.
        dtype: Of the computation; float32 is the published one.
    """
    first = [*draw["shared"]["operations"]]
    sharpens = "unsharp_mask" in first[0]
    blur, resize, noised, compressed = (_part(each) for each in (first[sharpens:]))
    second = draw["levels"]["operations"]
    blurs, resize2, noised2, ends = (_part(each) for each in second[:4])
    back, compressed2 = (group["operations"] for group in ends["groups"])
    sinc = back[1]["maybe"]
    resizes = (resize, resize2, _part(back[0]))
    qualities = [compressed["quality"], _part(compressed2[0])["quality"]]
    noises = iter([(noised, 1), (noised2, level)])
    given = iter(qualities)

    # What is below its probability happens.
    coins = iter(
        [
            float("poisson_noise" in noised),
            float(not blurs["applied"]),
            float("poisson_noise" in noised2),
            float(ends["order"] != [0, 1]),
        ]
    )
    factors = iter([each["factor"] for each in resizes[:2] if each["factor"] != 1])
    ways = iter([_way(each["factor"]) for each in resizes[:2]])
    modes = iter([each["mode"] for each in resizes])

    def add_noise(x: torch.Tensor, **options: Any) -> torch.Tensor:
        del options
        drawn, at = next(noises)
        ((name, values),) = _named(drawn)
        x = see(name, x)
        return (x + noise(x, name, values, at)).clamp(0, 1)

    codec = iter(qualities)

    def compress(x: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
        del quality
        return jpeg(see("jpeg", x), next(codec))

    stand_ins = {
        "random": SimpleNamespace(
            choices=lambda names, shares: [next(ways)], choice=lambda names: next(modes)
        ),
        "np": SimpleNamespace(
            random=SimpleNamespace(uniform=lambda *bounds: next(factors if bounds else coins))
        ),
        "random_add_gaussian_noise_pt": add_noise,
        "random_add_poisson_noise_pt": add_noise,
        "paired_random_crop": lambda high, low, *sizes: (high, low),
        "F": F if positions == "scale" else SimpleNamespace(interpolate=_by_size),
    }
    self = SimpleNamespace(
        is_train=True,
        device="cpu",
        opt=_options(level),
        usm_sharpener=_sharpener(dtype) if sharpens else lambda x: x,
        jpeger=compress,
        _dequeue_and_enqueue=lambda: None,
    )
    data = {
        "gt": torch.from_numpy(image).permute(2, 0, 1)[None].to(dtype) / 255,
        "kernel1": _kernel(blur, dtype),
        "kernel2": _kernel(blurs["operations"][0]["one_of"] if blurs["applied"] else None, dtype),
        "sinc_kernel": _kernel(sinc["operations"][0] if sinc["applied"] else None, dtype),
    }
    fill = mock.patch.object(
        torch.Tensor, "uniform_", lambda x, *bounds: x.fill_(next(given)), create=True
    )
    # torch has no fast convolution of float64 on the CPU.
    convolution = F.conv2d if dtype == torch.float32 else _by_fourier
    convolve = mock.patch.object(F, "conv2d", convolution)
    with mock.patch.multiple(model, **stand_ins), fill, convolve, torch.no_grad():
        model.RealESRGANModel.feed_data(self, data)
    return (self.lq * 255).round()[0].permute(1, 2, 0).numpy()


def _part(operation: dict[str, Any]) -> Any:
    """Return what is recorded under the name of an operation."""
    ((_, draw),) = operation.items()
    return draw


def _named(choice: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, draw) for name, draw in choice.items() if name != "choice"]


def _kernel(drawn: dict[str, Any] | None, dtype: torch.dtype) -> torch.Tensor:
    """Return a drawn kernel [1, 21, 21]; without a draw the one that changes nothing."""
    if drawn is None:
        pulse = torch.zeros(1, KERNEL_SIZE, KERNEL_SIZE, dtype=dtype)
        pulse[:, KERNEL_SIZE // 2, KERNEL_SIZE // 2] = 1
        return pulse
    ((name, draw),) = _named(drawn)
    return torch.from_numpy(kernel_of(name, draw)).to(dtype)[None]


def _way(factor: float) -> str:
    return "keep" if factor == 1 else "up" if factor > 1 else "down"


def _sharpener(dtype: torch.dtype) -> Callable[[torch.Tensor], torch.Tensor]:
    sharpener = basicsr("utils/img_process_util").USMSharp().to(dtype)

    def sharpen(x: torch.Tensor) -> torch.Tensor:
        # Its mask is always float32.
        with mock.patch.object(torch.Tensor, "float", lambda mask: mask.to(dtype)):
            return sharpener(x)

    return sharpen


def _by_fourier(x: torch.Tensor, kernel: torch.Tensor, padding: int = 0) -> torch.Tensor:
    """Do what `F.conv2d` does with images [N, 1, H, W] and a kernel [1, 1, K, K]."""
    assert padding == 0
    height, width = x.shape[-2:]
    spectrum = torch.fft.rfft2(x) * torch.fft.rfft2(kernel, s=(height, width)).conj()
    rows, columns = height - kernel.shape[-2] + 1, width - kernel.shape[-1] + 1
    return torch.fft.irfft2(spectrum, s=(height, width))[..., :rows, :columns].contiguous()


def _by_size(x: torch.Tensor, size: Any = None, scale_factor: float = 1, mode: str = "") -> Any:
    size = size or tuple(int(length * scale_factor) for length in x.shape[-2:])
    return F.interpolate(x, size, mode=mode)


def _options(level: int) -> dict[str, Any]:
    """Return the options that `feed_data` reads; ranges are replaced by the draw."""
    ranges = ("resize_range", "noise_range", "poisson_scale_range", "jpeg_range")
    shares = {"resize_prob": [], "gray_noise_prob": 0.5, "gaussian_noise_prob": 0.5}
    both = {**dict.fromkeys(ranges, (0, 1)), **shares}
    second = {f"{name}2": value for name, value in both.items()}
    return {**both, **second, "second_blur_prob": 0.8, "scale": level, "gt_size": 0}
