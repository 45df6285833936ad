"""Encode the images of samples by a model's VAE: what `latent` and `moments` share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from pairgen import plugins
from pairgen.annotators._options import PictureOptions
from pairgen.annotators.base import (
    Added,
    Annotate,
    Annotator,
    ParentSample,
    Setup,
    Spec,
    picture_member,
)
from pairgen.asked_model import Model
from pairgen.errors import ConfigError
from pairgen.list_rules import Each
from pairgen.option_names import option_text
from pairgen.options import Option
from pairgen.rules import Text
from pairgen.sampling.enlarge import enlarge
from pairgen.sampling.signed import to_signed
from pairgen.teachers.base import Autoencoder

HR = "hr"
# Takes the VAE, images [B, 3, H, W] in [-1, 1], the slots of the samples, B, and the shape of a
# latent; returns what is stored, [B, C, h, w].
Encode = Callable[[Autoencoder, Tensor, Sequence[int], tuple[int, int, int]], Tensor]


class EncodingOptions(PictureOptions):
    """Options of annotators that encode images."""

    levels: Annotated[
        tuple[str, ...],
        Each(Text()),
        Option(
            "Images to encode: hr, and levels such as lr4, which are first enlarged to the size "
            "of HR."
        ),
    ] = (HR,)


def encoding_annotator(
    setup: Setup, options: EncodingOptions, member: str, channels: int, encode: Encode
) -> Annotator:
    """Return the annotator that stores what `encode` gives for every level.

    Args:
        setup: What it works on.
        options: The options.
        member: Name of the member for HR; that of `lr4` is `lr4_` and this name.
        channels: Channels that are stored for each channel of a latent.
        encode: Computes what is stored.

    Raises:
        ConfigError: There is no model, it has no VAE, or the set has no such level or size.
    """
    model = check_model(setup.model)
    described = plugins.call("teachers", model.module, "describe_decoder", **model.where)
    if described.latent_shape is None:
        raise ConfigError(
            f"{option_text('model', 'pairgen annotate')} must have a VAE; {model.name} has none."
        )
    hr = picture_member(setup.members, options.image)
    size = setup.members[hr]["shape"]
    pictures = {
        (member if level == HR else f"{level}_{member}"): hr
        if level == HR
        else picture_member(setup.members, f"{level}.png")
        for level in options.levels
    }
    scales = {name: _scale(setup.members, hr, picture) for name, picture in pictures.items()}
    shape = _latent_shape(described.latent_shape, described.size_px, size, model)
    spec = {"dtype": "float16", "shape": [channels * shape[0], *shape[1:]]}
    return Annotator(
        reads=tuple(pictures.values()),
        adds=dict.fromkeys(pictures, spec),
        open=lambda device: _open(model, device, setup.batch_size, pictures, scales, shape, encode),
        model=model,
        identity=described.identity,
    )


def check_model(model: Model | None) -> Model:
    """Return the model.

    Raises:
        ConfigError: There is none.
    """
    if model is None:
        raise ConfigError(
            f"{option_text('model', 'pairgen annotate')} must be given: the set was made without "
            "one, so add --model."
        )
    return model


def padded(values: Sequence[Any], num: int) -> list[Any]:
    """Repeat the last value: batches of one shape use the same kernels, so give the same bits."""
    return [*values, *[values[-1]] * (num - len(values))]


def _open(
    model: Model,
    device: torch.device,
    batch_size: int,
    pictures: Mapping[str, str],
    scales: Mapping[str, int],
    shape: tuple[int, int, int],
    encode: Encode,
) -> Annotate:
    autoencoder: Autoencoder = plugins.call(
        "teachers", model.module, "build_autoencoder", device=device, **model.where
    )

    @torch.no_grad()
    def annotate(samples: Sequence[ParentSample]) -> list[Added]:
        rows = padded(samples, batch_size)
        indices = [sample.index for sample in rows]
        found = {}
        for name, picture in pictures.items():
            pixels = np.stack([sample.fields[picture] for sample in rows])
            images = to_signed(torch.from_numpy(pixels)).to(device)
            encoded = encode(autoencoder, enlarge(images, scales[name]), indices, shape)
            found[name] = encoded.to(torch.float16).cpu()
        return [
            Added({name: each[row].numpy() for name, each in found.items()})
            for row in range(len(samples))
        ]

    return annotate


def _scale(members: Mapping[str, Spec], hr: str, picture: str) -> int:
    """Return how many times smaller an image is than HR."""
    height, width = members[hr]["shape"][:2]
    small_height, small_width = members[picture]["shape"][:2]
    scale: int = height // small_height
    if (small_height * scale, small_width * scale) != (height, width):
        raise ConfigError(
            f"{picture} must be {hr} divided by a whole number, got {small_width} x "
            f"{small_height} px of {width} x {height}."
        )
    return scale


def _latent_shape(
    latent: tuple[int, int, int], size_px: tuple[int, int], size: Sequence[int], model: Model
) -> tuple[int, int, int]:
    """Return the shape of the latent of an image of `size`, [H, W, 3]."""
    factor = size_px[0] // latent[1]
    if size[0] % factor or size[1] % factor:
        raise ConfigError(
            f"The sides of the images must be multiples of {factor} for the VAE of {model.name}, "
            f"got {size[1]} x {size[0]} px."
        )
    return latent[0], size[0] // factor, size[1] // factor
