"""The losses of OSEDiff beside those of its authors, on the same networks, latents and draws.

    git clone https://github.com/cswry/OSEDiff /somewhere
    python benchmarks/parity/osediff.py /somewhere

Runs the checkout's own `distribution_matching_loss` and `diff_loss` with small random networks of
Stable Diffusion's classes, and prints the largest differences of losses and gradients, relative to
the largest value. Exits with 1 if one exceeds 1e-5.
"""

import argparse
import sys
import tempfile
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from diffusers import DDPMScheduler
from torch import Tensor, nn

# A checkout needs no installation.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import pairgen
from pairgen.draws import Draws
from pairgen.errors import run_script
from pairgen.methods.base import STUDENT
from pairgen.methods.osediff import REGULARIZER, OSEDiff, Restored
from pairgen.sampling.conditioning import Conditioning
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.teachers.base import Denoiser
from pairgen.training.config import make_train_config
from pairgen.training.runs.start import find_start, make_setup
from tests import true_classes

BOUND = 1e-5
BATCH, SHAPE = 5, (4, 8, 8)
CPU = torch.device("cpu")
# Modules of the checkout that its losses do not use.
UNUSED = {
    "models.autoencoder_kl": ("AutoencoderKL",),
    "models.unet_2d_condition": ("UNet2DConditionModel",),
    "my_utils.vaehook": ("VAEHook", "perfcount"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    module = load(parser.parse_args().checkout / "osediff.py")
    with tempfile.TemporaryDirectory() as folder:
        method = build(Path(folder))
    differences = {**compare_vsd(module, method), **compare_diffusion(module, method)}
    for name, difference in differences.items():
        print(f"{name:42} {difference:.1e}")
    if max(differences.values()) > BOUND:
        raise SystemExit(f"A difference exceeds {BOUND:g}.")


def load(path: Path) -> types.ModuleType:
    """Return the checkout's module, without the modules that its losses do not use."""
    stubs = {name.partition(".")[0]: types.ModuleType(name.partition(".")[0]) for name in UNUSED}
    for name, members in UNUSED.items():
        stubs[name] = types.ModuleType(name)
        for member in members:
            setattr(stubs[name], member, object)
    module = types.ModuleType("osediff")
    with mock.patch.dict(sys.modules, stubs):
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    return module


def build(folder: Path) -> OSEDiff:
    """Return the method with small random networks, and adapters that are not zero."""
    model, data = true_classes.write_sd15(folder / "model"), folder / "set"
    pairgen.degrade(crop=16, scales=4, executor="serial", out=str(data))
    given = {
        "method": "osediff",
        "data": str(data),
        "model": str(model),
        "prompts": "fixed",
        "lpips_weight": 0.0,
        "mse_weight": 0.0,
    }
    config = make_train_config(given)
    plans = (read_plan(open_store(str(data))),)
    setup = make_setup(config, plans, find_start(config, plans[0]), CPU, 1, print)
    method = OSEDiff(setup=setup, **config.options)
    torch.manual_seed(0)
    for adapted in (method.student().denoiser, method.players()[REGULARIZER]):
        adapted.adapt(rank=4, alpha=8)  # type: ignore[operator]
        with torch.no_grad():
            for each in adapted.adapter.parameters():  # type: ignore[union-attr, operator]
                each.add_(0.05 * torch.randn_like(each))
    return method


class Called(nn.Module):
    """One of our networks, called as the checkout calls its own."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, x: Tensor, timestep: Tensor, encoder_hidden_states: Tensor) -> Any:
        """Return an object with the output."""
        given = Conditioning({"txt_emb": encoder_hidden_states})
        return SimpleNamespace(sample=self.denoiser(x, timestep.double(), given))


def theirs(module: types.ModuleType, method: OSEDiff) -> Any:
    """Return the checkout's regularizer, with our networks."""
    found = module.OSEDiff_reg.__new__(module.OSEDiff_reg)
    nn.Module.__init__(found)
    schedule = dict(true_classes.SCHEDULE)
    del schedule["set_alpha_to_one"]
    found.noise_scheduler = DDPMScheduler(**schedule)
    found.weight_dtype = torch.float32
    found.unet_fix, found.unet_update = (
        Called(method._scores.frozen),
        Called(method._scores.regularizer),
    )
    return found


def inputs(method: OSEDiff) -> tuple[Tensor, Conditioning, Tensor]:
    """Return latents with gradients, prompts, and the negative prompt's states."""
    generator = torch.Generator().manual_seed(1)
    latents = torch.randn((BATCH, *SHAPE), generator=generator)
    states = torch.randn(
        (BATCH, *method._scores.negative.tensors["txt_emb"].shape[1:]), generator=generator
    )
    negative = method._scores.negative.expand(BATCH).tensors["txt_emb"]
    return latents.requires_grad_(True), Conditioning({"txt_emb": states}), negative


def draws() -> Draws:
    """Return the draws of a step."""
    return Draws(0, 0, 0, BATCH, BATCH, CPU)


@contextmanager
def drawing(start: int, stop: int) -> Iterator[None]:
    """Let the checkout draw our times and noise."""
    ours = draws()
    times, noise = ours.integers(start, stop), ours.normal(SHAPE)

    def randint(low: int, high: int, size: tuple[int, ...], **_: Any) -> Tensor:
        assert (low, high, size) == (start, stop, (BATCH,))
        return times

    with (
        mock.patch.object(torch, "randint", randint),
        mock.patch.object(torch, "randn_like", lambda like: noise.to(like)),
    ):
        yield


def compare_vsd(module: types.ModuleType, method: OSEDiff) -> dict[str, float]:
    """Compare score distillation: loss, and gradient of the latents."""
    latents, prompts, negative = inputs(method)
    arguments = SimpleNamespace(cfg_vsd=method.options.guidance)
    with drawing(*method.options.vsd_times):
        expected = theirs(module, method).distribution_matching_loss(
            latents, prompts.tensors["txt_emb"], negative, arguments
        )
    made = Restored(latents, latents, latents, prompts)
    found, _ = method.loss(STUDENT, made, None, draws())  # type: ignore[arg-type]
    return {
        "score distillation": difference(found, expected),
        "score distillation, gradient of latents": difference(
            *(torch.autograd.grad(each, latents)[0] for each in (found, expected))
        ),
    }


def compare_diffusion(module: types.ModuleType, method: OSEDiff) -> dict[str, float]:
    """Compare the regularizer's loss, and the gradient of its adapter."""
    latents, prompts, _ = inputs(method)
    with drawing(*method.options.regularizer_times):
        expected = theirs(module, method).diff_loss(latents, prompts.tensors["txt_emb"], None)
    made = Restored(latents, None, latents, prompts)
    found, _ = method.loss(REGULARIZER, made, None, draws())  # type: ignore[arg-type]
    player = method.players()[REGULARIZER]
    weights = [each for each in player.parameters() if each.requires_grad]
    grads = [
        torch.cat([g.flatten() for g in torch.autograd.grad(each, weights)])
        for each in (found, expected)
    ]
    return {
        "regularizer": difference(found, expected),
        "regularizer, gradient of its adapter": difference(*grads),
    }


def difference(found: Tensor, expected: Tensor) -> float:
    """Return the largest difference, relative to the largest expected value."""
    return float(((found - expected).abs().max() / expected.abs().max()).detach())


if __name__ == "__main__":
    run_script(main)
