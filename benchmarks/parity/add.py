"""The discriminator of ADD beside that of StyleGAN-T, whose heads ADD takes.

    git clone https://github.com/autonomousvision/stylegan-t /somewhere
    python benchmarks/parity/add.py /somewhere

Builds the checkout's own `DiscHead` with random weights, gives ours the same, and prints the
largest differences of logits, hinge losses and gradients, relative to the largest value; with a
condition and without. Exits with 1 if one exceeds 1e-5. The checkout's licence forbids to copy it.

What the checkout needs and this does not (timm, torchvision, its compiled operators) is left out.
"""

import argparse
import importlib
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# A checkout needs no installation.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pairgen.errors import run_script
from pairgen.losses.adversarial import HINGE, discriminator_loss, student_loss
from pairgen.networks.token_heads import LOCAL_BATCH, TokenHead

BOUND = 1e-5
BATCH, CHANNELS, TOKENS, CONDITION, WIDTH, GROUP = 16, 32, 49, 24, 64, 8
# Modules that the heads do not use.
UNUSED = {
    "torchvision": (),
    "torchvision.transforms": ("RandomCrop", "Normalize"),
    "timm": (),
    "timm.data": ("IMAGENET_DEFAULT_MEAN", "IMAGENET_DEFAULT_STD"),
    "torch_utils": ("misc",),
    "torch_utils.ops": ("bias_act",),
    "networks.vit_utils": ("make_vit_backbone", "forward_vit"),
    "training.diffaug": ("DiffAugment",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    checkout = parser.parse_args().checkout
    differences: dict[str, float] = {}
    with their_module(checkout) as theirs:
        for name, length in (("condition", CONDITION), ("no condition", 0)):
            found = compare(theirs.DiscHead, length)
            differences |= {f"{name}: {what}": each for what, each in found.items()}
    for name, difference in differences.items():
        print(f"{name:42} {difference:.1e}")
    if max(differences.values()) > BOUND:
        sys.exit(1)


@contextmanager
def their_module(checkout: Path) -> Iterator[Any]:
    """Import the discriminator of a checkout without what it does not need here."""
    unused = {}
    for name, members in UNUSED.items():
        unused[name] = types.ModuleType(name)
        for member in members:
            setattr(unused[name], member, None)
    with mock.patch.dict(sys.modules, unused), mock.patch.object(sys, "path", [str(checkout)]):
        yield importlib.import_module("networks.discriminator")


def compare(their_head: Any, length: int) -> dict[str, float]:
    """Return the largest differences of everything that both compute."""
    torch.manual_seed(0)
    theirs = their_head(CHANNELS, length, WIDTH)
    ours = TokenHead(CHANNELS, length, WIDTH, LOCAL_BATCH, GROUP)
    real, made = torch.randn(2, BATCH, CHANNELS, TOKENS)
    condition = torch.randn(BATCH, length) if length else None
    # Their norms take a step of the power iteration in a call of a training, ours between steps.
    theirs(real, condition)
    theirs.eval()
    map_weights(theirs, ours)
    sides = [played(head, real, made, condition) for head in (theirs, ours)]
    return {
        name: float((sides[0][name] - sides[1][name]).abs().max() / sides[0][name].abs().max())
        for name in sides[0]
    }


def played(
    head: nn.Module, real: Tensor, made: Tensor, condition: Tensor | None
) -> dict[str, Tensor]:
    """Return logits, losses, and the gradients of the student's images and of the first layer."""
    made = made.clone().requires_grad_(True)
    on_real, on_made = head(real, condition), head(made, condition)
    if isinstance(head, TokenHead):
        losses = discriminator_loss(HINGE, [on_real], [on_made])
        critic, student = sum(losses).mean(), student_loss(HINGE, [on_made]).mean()  # type: ignore[union-attr]
        weight = head.first.convolution.parametrizations.weight.original  # type: ignore[union-attr,index]
    else:
        # As training/loss.py has them, but for the division by the batch, which sums its parts.
        critic = F.relu(1 - on_real).mean() + F.relu(1 + on_made).mean()
        student = -on_made.mean()
        weight = head.main[0][0].weight_orig  # type: ignore[index,union-attr]
    (by_made,) = torch.autograd.grad(student, made, retain_graph=True)
    (by_weight,) = torch.autograd.grad(critic, weight)
    return {
        "logits": on_made.detach(),
        "loss of the discriminator": critic.detach(),
        "loss of the student": student.detach(),
        "gradient by images": by_made,
        "gradient by weights": by_weight,
    }


@torch.no_grad()
def map_weights(theirs: Any, ours: TokenHead) -> None:
    """Give our head the weights of theirs."""
    pairs = [
        (theirs.main[0][0], ours.first.convolution),
        (theirs.main[1].fn[0], ours.second.convolution),
        (theirs.cls, ours.out),
    ]
    for their_layer, layer in pairs:
        (norm,) = layer.parametrizations.weight
        layer.parametrizations.weight.original.copy_(their_layer.weight_orig)
        norm.u.copy_(their_layer.weight_u)
        norm.v.copy_(their_layer.weight_v)
        layer.bias.copy_(their_layer.bias)
    for number, (their_norm, block) in enumerate(
        ((theirs.main[0][1], ours.first), (theirs.main[1].fn[1], ours.second))
    ):
        # Not those of the beginning, which would hide a mistake.
        their_norm.weight.copy_(torch.linspace(0.5 + number, 2, CHANNELS))
        their_norm.bias.copy_(torch.linspace(-1, 1 + number, CHANNELS))
        block.norm.weight.copy_(their_norm.weight[:, None])
        block.norm.bias.copy_(their_norm.bias[:, None])
    if ours.condition is not None:
        ours.condition.weight.copy_(theirs.cmapper.weight)
        ours.condition.bias.copy_(theirs.cmapper.bias)


if __name__ == "__main__":
    run_script(main)
