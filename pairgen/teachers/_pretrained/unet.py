"""Stable Diffusion's UNet: call it, and prepare it for training."""

from functools import partial
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.sampling.conditioning import CONDITION, IMAGE_LATENT, SUM, Conditioning
from pairgen.sampling.guidance import guidance_embedding
from pairgen.teachers._pretrained.branch import Branch, new_branch
from pairgen.teachers._pretrained.branch_files import BranchFiles
from pairgen.teachers._pretrained.denoiser import Denoiser
from pairgen.teachers._pretrained.folders.lora import Lora
from pairgen.teachers._pretrained.folders.weights import fetch_weights
from pairgen.teachers._pretrained.networks import load_network
from pairgen.teachers._pretrained.quiet import quiet
from pairgen.teachers._pretrained.stable_diffusion import UNET_WEIGHTS, Layout

# As in latent consistency models, whose pipelines read it from the config.
GUIDANCE_DIM = 256


def time_ids(layout: Layout) -> Tensor:
    """Return SDXL's size inputs, [1, 6], for an uncropped image of the native size."""
    # Original size, corner of the crop, target size.
    return torch.tensor([[*layout.size_px, 0, 0, *layout.size_px]])


def unet_output(
    unet: Any,
    x: Tensor,
    t: Tensor,
    conditioning: Conditioning,
    guidance_scale: Tensor | None,
    *,
    time_ids: Tensor,
    guidance_dim: int,
    branch: Branch | None = None,
) -> Tensor:
    """Return the UNet's own output in float32, [B, C, H, W].

    Args:
        unet: The network.
        x: State, [B, C, H, W].
        t: Times, [B] float32.
        conditioning: The prompts' conditioning, B rows.
        guidance_scale: Guidance scales, [B], for a UNet with a guidance embedding; None means 1.
        time_ids: SDXL's size inputs, [1, 6], in the network's dtype; other models ignore them.
        guidance_dim: Width of its guidance embedding; 0 for none.
        branch: Its condition branch; None for none.

    Raises:
        ConfigError: The conditioning has no image latent or no condition that the network takes, or
            another one.
    """
    tensors = conditioning.tensors
    added = condition = None
    if "pooled_emb" in tensors:
        # `len` would fix the number of rows in an exported network.
        added = {
            "text_embeds": tensors["pooled_emb"],
            "time_ids": time_ids.to(x.device).expand(x.shape[0], -1),
        }
    if guidance_dim:
        scale = x.new_ones(x.shape[0]) if guidance_scale is None else guidance_scale
        condition = guidance_embedding(scale, guidance_dim).to(time_ids.dtype)
    image = tensors.get(IMAGE_LATENT)
    taken = unet.config.in_channels - unet.config.out_channels
    given = 0 if image is None else image.shape[1]
    if given != taken:
        raise ConfigError(
            f"The network takes an image latent of {taken} channels beside the state, and is given "
            f"one of {given}: use a model that fits the method."
        )
    if image is not None:
        x = torch.cat([x, image.to(x.dtype)], dim=1)
    inputs = {
        "encoder_hidden_states": tensors["txt_emb"],
        "timestep_cond": condition,
        "added_cond_kwargs": added,
        "return_dict": False,
    }
    x = x.to(time_ids.dtype)
    if (CONDITION in tensors) != (branch is not None):
        has = "has no branch for a condition" if branch is None else "takes a condition"
        raise ConfigError(f"The network {has}: use a model that fits the method.")
    if branch is not None:
        return branch.run(unet, x, t, tensors[CONDITION], inputs).float()
    output: Tensor = unet(x, t, **inputs)[0]
    return output.float()


def load_denoiser(
    layout: Layout,
    variant: str,
    with_guidance: bool,
    image_channels: int,
    *,
    condition_channels: int = 0,
    fusion: str = SUM,
    branch: BranchFiles | None = None,
    lora: Lora | None = None,
) -> Denoiser:
    """Load the UNet of a folder for training.

    Args:
        layout: The folder.
        variant: Variant of the weight files; empty for those without one.
        with_guidance: Whether to add a guidance embedding, initialized to have no effect.
        image_channels: Channels of an image latent that it shall take, initialized to have no
            effect; 0 for as many as it has.
        condition_channels: Channels of the condition that a branch shall take, initialized to have
            no effect; 0 for the model's own branch, if any.
        fusion: How a new branch adds to the UNet.
        branch: The model's own branch; None for none.
        lora: A LoRA to merge; None for none.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken.
        ConfigError: It takes image latents or conditions of another number of channels, or cannot
            have a branch.
    """
    present = layout.image_channels
    if present and image_channels not in (0, present):
        raise ConfigError(
            f"{layout.snapshot.location} takes image latents of {present} channels, not "
            f"{image_channels}."
        )
    (weights,) = fetch_weights(layout.snapshot, [UNET_WEIGHTS], variant).values()
    merged = None if lora is None else (lora, "unet")
    network = load_network(UNet2DConditionModel, weights, torch.float32, lora=merged)
    dim, new_layers = layout.guidance_dim, list[str]()
    if with_guidance and not dim:
        dim = GUIDANCE_DIM
        network = _with_guidance(network, dim)
        new_layers.append("time_embedding.cond_proj")
    if image_channels and not present:
        network = _with_image(network, image_channels)
        new_layers.append("conv_in")
    own = None if branch is None else branch.load(variant, torch.float32)
    if own is not None:
        own.unfreeze()
    if condition_channels and own is None:
        own = new_branch(network, fusion, condition_channels, layout.factor)
    elif condition_channels and own is not None and condition_channels != own.condition_channels:
        raise ConfigError(
            f"The branch of {layout.snapshot.location} takes conditions of "
            f"{own.condition_channels} channels, not {condition_channels}."
        )
    return Denoiser(
        network,
        partial(unet_output, time_ids=time_ids(layout).float(), guidance_dim=dim),
        prediction=layout.prediction,
        schedule=layout.schedule,
        latent_shape=layout.latent_shape,
        guidance_dim=dim,
        image_channels=present or image_channels,
        new_layers=new_layers,
        branch=own,
    )


def _with_guidance(network: Any, dim: int) -> Any:
    """Return the UNet with a zero-initialized guidance path in its time embedding."""
    with quiet():
        wider = UNet2DConditionModel.from_config({**network.config, "time_cond_proj_dim": dim})
    wider.load_state_dict(network.state_dict(), strict=False)
    torch.nn.init.zeros_(wider.time_embedding.cond_proj.weight)
    return wider.eval()


def _with_image(network: Any, num_channels: int) -> Any:
    """Return the UNet with more input channels, whose weights are zero."""
    own = network.config.in_channels
    with quiet():
        wider = UNet2DConditionModel.from_config(
            {**network.config, "in_channels": own + num_channels}
        )
    weights = network.state_dict()
    first = torch.zeros_like(wider.conv_in.weight)
    first[:, :own] = weights["conv_in.weight"]
    wider.load_state_dict({**weights, "conv_in.weight": first})
    return wider.eval()
