"""Condition branches with random weights, whose effect can be seen."""

from pathlib import Path

import torch

from pairgen.process_state import seeded
from pairgen.sampling.conditioning import SUM
from pairgen.teachers import latent_diffusion
from pairgen.teachers._pretrained.branch import ZERO_CONVS
from pairgen.teachers._pretrained.denoiser import Denoiser


def new_denoiser(
    location: Path | str, channels: int = 3, fusion: str = SUM, seed: int | None = None
) -> Denoiser:
    """Load a model's network with a new branch.

    Args:
        location: The model.
        channels: Channels of the condition.
        fusion: `sum` or `mixture`.
        seed: Seed of random weights, with which the branch has an effect; None for a branch as it
            begins.
    """
    denoiser = latent_diffusion.build_denoiser(
        location=str(location),
        device=torch.device("cpu"),
        condition_channels=channels,
        fusion=fusion,
    )
    if seed is not None:
        scatter(denoiser.branch, seed)
    return denoiser


@torch.no_grad()
def scatter(branch: torch.nn.Module, seed: int) -> None:
    """Give what the branch starts from, where all is zero or a copy, random weights."""
    with seeded(seed):
        for name, weight in branch.network.named_parameters():
            if (
                name.startswith((*ZERO_CONVS, "controlnet_cond_embedding."))
                and weight.requires_grad
            ):
                torch.nn.init.normal_(weight, std=0.3)
        branch.mu.fill_(0.7)


def write_branch(
    folder: Path, location: Path | str, channels: int = 3, fusion: str = SUM, seed: int = 0
) -> Path:
    """Write a branch for a model, see `new_denoiser`."""
    new_denoiser(location, channels, fusion, seed).branch.save(folder)
    return folder
