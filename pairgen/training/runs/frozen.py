"""The frozen networks that a training reads: found, but not loaded."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pairgen import plugins
from pairgen.asked_model import Model, asked_model
from pairgen.errors import ConfigError
from pairgen.model_config import find_model
from pairgen.networks.image_features import NETWORKS
from pairgen.networks.lpips_file import packaged_lpips
from pairgen.training.runs.alike import start_of
from pairgen.types import canonical_json
from pairgen.vision.model import VisionModel, find_vision_model

# What a discriminator of images reads.
DINO, TINY_VIT = "facebook/dinov2-small", "package:assets/vit"


def find_perceptual(start: Mapping[str, Any], given: str, num_channels: int) -> tuple[str, str]:
    """Return where the perceptual network of a training lies, and the identity of its model's VAE.

    Args:
        start: The return value of `find_start`.
        given: The option; empty for the packaged network of that VAE.
        num_channels: Channels of what it compares.

    Raises:
        ConfigError: None was given, and none is packaged for this VAE.
    """
    vae = decoder_identity(start)
    return given or packaged_lpips(vae, num_channels), vae


def decoder_identity(start: Mapping[str, Any]) -> str:
    """Return what distinguishes the VAE of a model, as canonical JSON."""
    where = {"location": start["location"], **start["options"]}
    decoder = plugins.call("teachers", start["module"], "describe_decoder", **where)
    return canonical_json(decoder.identity)


def find_features(start: Mapping[str, Any], given: str) -> VisionModel:
    """Find the vision transformer that a discriminator of images reads.

    Args:
        start: The return value of `find_start`.
        given: The option; empty for DINOv2, or the packaged network for the packaged VAE.

    Raises:
        ConfigError: It is no vision transformer that is known.
        TeacherLoadError: Its files cannot be found.
    """
    if given:
        if not Path(given).is_dir() and given.count("/") != 1:
            raise ConfigError(
                f"features must be a folder or a hub id such as {DINO}, got {given!r}."
            )
        return find_vision_model(asked_model(given), NETWORKS, DINO, "features")
    # A student of the packaged teacher has its VAE.
    if decoder_identity(start) == decoder_identity(start_of(find_model("tiny"))):
        own = Model(name="the packaged one", module="transformers", location=TINY_VIT, options={})
        return find_vision_model(own, NETWORKS, DINO, "features")
    return find_vision_model(asked_model(DINO), NETWORKS, DINO, "features")
