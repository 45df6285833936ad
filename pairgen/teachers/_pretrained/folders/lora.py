"""A LoRA, merged into the weights of a UNet and its text encoders.

    W <- W + scale * alpha / r * B A

in float32, with the letters of the paper: A [r, in] and B [out, r] of each layer. Layouts: that of
diffusers and peft (`unet.LAYER.lora_A.weight`; alpha = r but where the file says another), and
that of kohya (`lora_unet_LAYER.lora_down.weight`, with `.alpha`) by the names of diffusers' layers.

References:
    Hu et al. 2021 (LoRA), arXiv:2106.09685.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from pairgen.config import local_path, quoted
from pairgen.errors import TeacherLoadError, short
from pairgen.option_names import option_text
from pairgen.regular_file import sha256_of
from pairgen.teachers._pretrained.folders.other_layouts import LORA_FILES

# Endings of the keys of A and of B, of peft, of diffusers before, and of kohya.
ENDINGS = {
    "A": (".lora_A.weight", ".lora.down.weight", ".lora_linear_layer.down.weight"),
    "B": (".lora_B.weight", ".lora.up.weight", ".lora_linear_layer.up.weight"),
}
KOHYA_ENDINGS = {"A": ".lora_down.weight", "B": ".lora_up.weight"}
# Beginnings of keys by the part of the model: of diffusers, and of kohya.
PARTS = {"unet": "unet.", "text_encoder": "text_encoder.", "text_encoder_2": "text_encoder_2."}
KOHYA_PARTS = {
    "unet": ("lora_unet_",),
    "text_encoder": ("lora_te_", "lora_te1_"),
    "text_encoder_2": ("lora_te2_",),
}
TEXT_PREFIX = "text_model."
METADATA = "lora_adapter_metadata"
MAX_NAMED = 3


@dataclass
class _Layer:
    """The matrices of one layer, and alpha; a name of each key is kept for messages."""

    A: Tensor | None = None
    B: Tensor | None = None
    alpha: float | None = None


@dataclass(frozen=True)
class Lora:
    """A LoRA's file and its scale."""

    path: Path
    scale: float

    @property
    def identity(self) -> dict[str, Any]:
        """The SHA-256 of the file, and the scale."""
        return {"lora_sha256": sha256_of(self.path), "lora_scale": self.scale}

    def check(self, networks: Mapping[str, Any]) -> None:
        """Check that every key fits a layer, without the weights.

        Args:
            networks: The networks by the names of their parts, which may be on the `meta` device.

        Raises:
            TeacherLoadError: A key fits no layer, or a matrix does not fit its layer.
        """
        left = set(self._tensors)
        for part, network in networks.items():
            left -= self._used(part, network)[1]
        if left:
            named = ", ".join(sorted(left)[:MAX_NAMED])
            more = ", ..." if len(left) > MAX_NAMED else ""
            raise TeacherLoadError(
                f"The LoRA {self.path} does not fit the model: {len(left)} of its "
                f"{len(self._tensors)} keys are of none of its layers: {named}{more}."
            )

    def merge(self, part: str, network: Any) -> None:
        """Add the LoRA to the weights of a network in float32, in place.

        Args:
            part: Name of the part that the network is.
            network: The network.
        """
        layers, _ = self._used(part, network)
        modules = _layers_of(network)
        with torch.no_grad():
            for name, layer in layers.items():
                weight = modules[name].weight
                weight += self.scale * _change(layer).reshape(weight.shape)

    @property
    def _tensors(self) -> dict[str, Tensor]:
        return _read(self.path)[0]

    def _used(self, part: str, network: Any) -> tuple[dict[str, _Layer], set[str]]:
        """Return the matrices for the layers of a part, and the keys that they come from."""
        tensors, metadata = _read(self.path)
        modules = _layers_of(network)
        by_kohya = {name.replace(".", "_"): name for name in modules}
        by_kohya |= {f"text_model_{short_}": name for short_, name in list(by_kohya.items())}
        found: dict[str, _Layer] = {}
        keys: set[str] = set()
        for key, tensor in tensors.items():
            place = _place(key, part, modules, by_kohya)
            if place is None:
                continue
            name, what = place
            keys.add(key)
            layer = found.setdefault(name, _Layer())
            setattr(layer, what, float(tensor) if what == "alpha" else tensor.float())
        alpha = metadata.get(f"{part}.lora_alpha")
        for name, layer in found.items():
            if layer.alpha is None and isinstance(alpha, int | float):
                layer.alpha = float(alpha)
            self._check_shapes(f"{part}.{name}", layer, modules[name].weight)
        return found, keys

    def _check_shapes(self, name: str, layer: _Layer, weight: Tensor) -> None:
        """Refuse matrices that do not fit the weights."""
        a, b = layer.A, layer.B
        if a is None or b is None:
            lacks = "A" if a is None else "B"
            raise TeacherLoadError(f"The LoRA {self.path} lacks {lacks} of {name}.")
        inner = math.prod(weight.shape[1:])
        if a.numel() != a.shape[0] * inner or tuple(b.shape[:2]) != (weight.shape[0], a.shape[0]):
            raise TeacherLoadError(
                f"The LoRA {self.path} does not fit the model: {name} is {list(weight.shape)}, "
                f"and its matrices are {list(a.shape)} and {list(b.shape)}."
            )


def find_lora(given: str) -> Lora:
    """Find a LoRA.

    Args:
        given: A file, or a folder with `pytorch_lora_weights.safetensors`, and perhaps `:scale`.

    Raises:
        TeacherLoadError: There is no such file, it is none, or it is of a kind that is not merged.
    """
    place, _, number = given.rpartition(":")
    try:
        scale = float(number)
    except ValueError:
        place, scale = given, 1.0
    place, scale = (place, scale) if place else (given, 1.0)
    if not math.isfinite(scale):
        raise TeacherLoadError(f"The scale of a LoRA must be a finite number, got {quoted(given)}.")
    path = local_path(place)
    if path.is_dir():
        path = next((path / name for name in LORA_FILES if (path / name).is_file()), path)
    if path.suffix != ".safetensors" or not path.is_file():
        raise TeacherLoadError(
            f"{option_text('lora')} must be a .safetensors file, or a folder with "
            f"{LORA_FILES[0]}, and perhaps :SCALE, got {quoted(given)}."
        )
    _, metadata = _read(path)
    for key, value in metadata.items():
        if key.rpartition(".")[2] in ("use_dora", "use_rslora", "alpha_pattern") and value:
            raise TeacherLoadError(f"The LoRA {path} has {key}, which cannot be merged here.")
    return Lora(path.resolve(), scale)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return tensors and metadata of a file."""
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            metadata = json.loads((file.metadata() or {}).get(METADATA) or "{}")
    except Exception as error:
        raise TeacherLoadError(f"The LoRA {path} cannot be read: {short(str(error))}.") from None
    return tensors, metadata if isinstance(metadata, dict) else {}


def _layers_of(network: Any) -> dict[str, Any]:
    """Return the layers with weights, those of text encoders without `text_model.`."""
    return {
        name.removeprefix(TEXT_PREFIX): module
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear | torch.nn.Conv2d)
    }


def _place(
    key: str, part: str, modules: Mapping[str, Any], by_kohya: Mapping[str, str]
) -> tuple[str, str] | None:
    """Return the layer that a key is of, and what of it; None if it is of none."""
    if key.startswith(PARTS[part]):
        rest = key.removeprefix(PARTS[part]).removeprefix(TEXT_PREFIX)
        endings = [*((what, end) for what, ends in ENDINGS.items() for end in ends)]
        for what, end in (*endings, ("alpha", ".alpha")):
            if rest.endswith(end) and rest.removesuffix(end) in modules:
                return rest.removesuffix(end), what
    for beginning in KOHYA_PARTS[part]:
        if key.startswith(beginning):
            rest = key.removeprefix(beginning)
            for what, end in (*KOHYA_ENDINGS.items(), ("alpha", ".alpha")):
                if rest.endswith(end) and rest.removesuffix(end) in by_kohya:
                    return by_kohya[rest.removesuffix(end)], what
    return None


def _change(layer: _Layer) -> Tensor:
    """Return alpha / r B A, [out, in] float32; of a convolution, its last axes are joined."""
    assert layer.A is not None
    assert layer.B is not None
    rank = layer.A.shape[0]
    scale = 1.0 if layer.alpha is None else layer.alpha / rank
    return scale * (layer.B.flatten(1) @ layer.A.flatten(1))
