"""Whether the parts of a Stable Diffusion folder fit each other, by their configs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pairgen.teachers._pretrained.files import Snapshot
from pairgen.teachers._pretrained.folders.configs import refuse

UNET, VAE = "unet/config.json", "vae/config.json"
# Sizes of the image, its crop and the target: SDXL's other input beside the pooled embedding.
NUM_SIZES = 6


@dataclass(frozen=True)
class Parts:
    """The configs of a folder, with their defaults.

    Attributes:
        snapshot: The folder.
        unet: Of the UNet.
        vae: Of the VAE.
        texts: Of the text encoders, by the suffixes of their folders.
    """

    snapshot: Snapshot
    unet: Mapping[str, Any]
    vae: Mapping[str, Any]
    texts: Mapping[str, Mapping[str, Any]]

    @property
    def text_width(self) -> int:
        """Width of the prompt's embedding."""
        return sum(text["hidden_size"] for text in self.texts.values())


def check_fit(parts: Parts) -> None:
    """Check the widths that one part hands to the next.

    Raises:
        TeacherLoadError: A part does not fit another.
    """
    _check_sizes(parts)
    _check_prompt(parts)
    _check_added(parts)
    unet, vae, where = parts.unet, parts.vae, parts.snapshot.location
    if vae["latent_channels"] != unet["out_channels"]:
        wanted = f"{unet['out_channels']}, the out_channels in {UNET}"
        refuse(where, VAE, "latent_channels", vae["latent_channels"], wanted)
    for key in ("in_channels", "out_channels"):
        if vae[key] != 3:
            refuse(where, VAE, key, vae[key], "3, for RGB")
    if not vae["scaling_factor"] > 0:
        refuse(where, VAE, "scaling_factor", vae["scaling_factor"], "above 0")
    for key in ("latents_mean", "latents_std"):
        # diffusers' SDXL uses them, and Stable Diffusion does not.
        if len(parts.texts) == 2 and vae[key] is not None:
            refuse(where, VAE, key, vae[key], "null")


def size_of(location: str, name: str, unet: Mapping[str, Any]) -> tuple[int, int]:
    """Return height and width that a UNet is made for.

    Raises:
        TeacherLoadError: Its config says none.
    """
    size = unet["sample_size"]
    both = [size, size] if isinstance(size, int) else size
    if not both or len(both) != 2 or min(both) < 1:
        refuse(location, name, "sample_size", size, "a whole number or two, at least 1")
    return both[0], both[1]


def _check_sizes(parts: Parts) -> None:
    where = parts.snapshot.location
    size_of(where, UNET, parts.unet)
    for name, values in ((UNET, parts.unet), (VAE, parts.vae)):
        for key in ("in_channels", "out_channels"):
            if values[key] < 1:
                refuse(where, name, key, values[key], "at least 1")
        if not values["block_out_channels"] or min(values["block_out_channels"]) < 1:
            widths = values["block_out_channels"]
            refuse(where, name, "block_out_channels", widths, "a list of numbers above 0")
    for ending, text in parts.texts.items():
        for key in ("hidden_size", "vocab_size", "max_position_embeddings"):
            if text[key] < 1:
                refuse(where, text_config(ending), key, text[key], "at least 1")


def _check_prompt(parts: Parts) -> None:
    """Check that the UNet attends to embeddings of the text encoders' width."""
    unet, width = parts.unet, parts.text_width
    # Of a UNet that projects embeddings first, the width before.
    projects = unet["encoder_hid_dim"] is not None
    key = "encoder_hid_dim" if projects else "cross_attention_dim"
    widths = unet[key] if isinstance(unet[key], list) else [unet[key]]
    if any(each != width for each in widths):
        names = " and ".join(map(text_config, parts.texts))
        wanted = f"{width}, the hidden_size in {names}"
        refuse(parts.snapshot.location, UNET, key, unet[key], wanted)


def _check_added(parts: Parts) -> None:
    """Check what the UNet takes beside time and prompt: of SDXL, the pooled embedding and sizes."""
    unet, where = parts.unet, parts.snapshot.location
    for key in ("class_embed_type", "num_class_embeds"):
        if unet[key] is not None:
            refuse(where, UNET, key, unet[key], "null: a model of prompts has no classes")
    added = "text_time" if len(parts.texts) == 2 else None
    if unet["addition_embed_type"] != added:
        wanted = "null" if added is None else f"{added!r}"
        refuse(where, UNET, "addition_embed_type", unet["addition_embed_type"], wanted)
    if added is None:
        return
    pooled, sizes = parts.texts["_2"]["projection_dim"], unet["addition_time_embed_dim"]
    if sizes is None:
        refuse(where, UNET, "addition_time_embed_dim", sizes, "a whole number")
    width = NUM_SIZES * sizes + (pooled or 0)
    if unet["projection_class_embeddings_input_dim"] != width:
        key = "projection_class_embeddings_input_dim"
        wanted = (
            f"{width}, {NUM_SIZES} x addition_time_embed_dim and the projection_dim in "
            f"{text_config('_2')}"
        )
        refuse(where, UNET, key, unet[key], wanted)


def text_config(ending: str) -> str:
    """Return the path of a text encoder's config."""
    return f"text_encoder{ending}/config.json"
