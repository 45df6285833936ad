"""Refuse members that a crop, a flip or a trained encoder falsifies: the one place that knows."""

import re
from collections.abc import Collection

from pairgen.errors import ConfigError

# Computed from texts and labels alone. Any other array belongs to the whole image at its place.
_OF_TEXT = ("txt_emb.npy", "pooled_emb.npy", "clip_text.npy")
_ENCODED = re.compile(r"(.+_)?(latent|moments)\.npy")


def describes_whole_image(field: str) -> bool:
    """Whether a crop or a flip of the images falsifies a member."""
    return field.endswith("npy") and field not in _OF_TEXT


def depends_on_encoder(field: str, kinds: Collection[str]) -> bool:
    """Whether training the autoencoder's encoder falsifies a member.

    Args:
        field: The member.
        kinds: Kinds of the datasets: the `latent.npy` of an `ode` set is made by the sampler.
    """
    if field == "latent.npy":
        return any(kind != "ode" for kind in kinds)
    return _ENCODED.fullmatch(field) is not None


def changes_of_images(crop: int, flip: bool) -> str:
    """Return the options that change the images of samples, in words; empty for none."""
    return " and ".join([f"crop={crop}"] * bool(crop) + ["flip=true"] * flip)


def check_caches(
    fields: Collection[str],
    kinds: Collection[str],
    *,
    crop: int = 0,
    flip: bool = False,
    encoder_trained: bool = False,
) -> None:
    """Refuse members that a crop, a flip or a trained encoder falsifies.

    Args:
        fields: Members that a training loads.
        kinds: Kinds of its datasets, without their overlays.
        crop: Side of the crops; 0 for whole images.
        flip: Whether images are flipped at random.
        encoder_trained: Whether the autoencoder's encoder is trained.

    Raises:
        ConfigError: There is such a member.
    """
    changes = changes_of_images(crop, flip)
    for field in fields:
        if changes and describes_whole_image(field):
            raise ConfigError(
                f"{field} cannot be loaded with {changes}: it belongs to the whole image, so "
                "it does not match an image that was cropped or flipped; leave out crop and flip, "
                "or load the images that it was made of."
            )
        if encoder_trained and depends_on_encoder(field, kinds):
            raise ConfigError(
                f"{field} cannot be loaded while the encoder is trained: it was made by the "
                "encoder as it was before; load the images that it was made of, or keep the "
                "encoder frozen."
            )
