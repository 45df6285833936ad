"""Whether the pictures of datasets have the sizes that a training needs, by their plans."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.methods.base import Need, Needs
from pairgen.shards.format.image_member import PICTURES, is_image, is_image_spec
from pairgen.shards.loading.framing import Images
from pairgen.teachers.base import DecoderDescription
from pairgen.training.data.needs import stated_needs
from pairgen.training.data.offered import OfferedSet


def check_image_sizes(
    method: str, options: Mapping[str, Any], sets: Sequence[OfferedSet], crop: int
) -> None:
    """Refuse pictures whose sizes do not fit what a method states, or the crop.

    Args:
        method: The method.
        options: Its options.
        sets: The datasets.
        crop: Side of the crops, in pixels of the largest picture that is read; 0 for none.

    Raises:
        ConfigError: HR of a dataset is not as many times as large as LR, or not every picture that
            the method reads can be cropped.
    """
    needs = stated_needs(method, options)
    if needs is None:
        return
    for each in sets:
        images = Images(each.url, _shapes(each))
        _check_scales(needs, images)
        read = _read(needs, images)
        if crop and read.shapes:
            read.check(crop)


def check_encodable(
    method: str,
    options: Mapping[str, Any],
    sets: Sequence[OfferedSet],
    crop: int,
    start: Mapping[str, Any],
    members: Collection[str],
) -> None:
    """Refuse pictures that the VAE of the student cannot take.

    Args:
        method: The method.
        options: Its options.
        sets: The datasets.
        crop: Side of the crops, in pixels of the largest picture that is read; 0 for none.
        start: The model that the student starts from, as `find_start` returns it.
        members: Members that the method may read instead of pictures, see `Offered.members`.

    Raises:
        ConfigError: The sides of a picture, or of the crop, are no multiples of the VAE's factor.
        TeacherLoadError: The model cannot be described.
    """
    needs = stated_needs(method, options)
    if needs is None or not needs.encodes:
        return
    encoded = [Images(each.url, _encoded(needs.members, each, members)) for each in sets]
    if not any(images.shapes for images in encoded):
        return
    factor = _vae_factor(start)
    if crop % factor:
        raise ConfigError(
            f"crop must be a multiple of {factor} px for the VAE of {start['name']}, got {crop}."
        )
    if crop:
        return
    for images in encoded:
        for name, (height, width, _) in images.shapes.items():
            if height % factor or width % factor:
                raise ConfigError(
                    f"{name} of {images.url} must have sides that are multiples of {factor} px for "
                    f"the VAE of {start['name']}, got {width} x {height} px: make the set again, "
                    f"or train on crops of it with crop=N, a multiple of {factor}."
                )


def _encoded(
    needs: Sequence[Need], offered: OfferedSet, members: Collection[str]
) -> dict[str, tuple[int, ...]]:
    """Return the shapes of HR, as far as it is read and nothing that is stored instead of it."""
    shapes = {name: shape for name, shape in _shapes(offered).items() if name in PICTURES}
    has = {*members, *shapes}
    read = (next((name for name in need.any_of if name in has), "") for need in needs)
    return {name: shapes[name] for name in read if name in shapes}


def _vae_factor(start: Mapping[str, Any]) -> int:
    """Return how many pixels of a side are one of a latent's; 1 for a model without a VAE."""
    where = {"location": start["location"], **start["options"]}
    found: DecoderDescription = plugins.call(
        "teachers", start["module"], "describe_decoder", **where
    )
    return found.factor


def _check_scales(needs: Needs, images: Images) -> None:
    hr = next((name for name in PICTURES if name in images.shapes), "")
    for name, scale in needs.scales.items():
        if not hr or name not in images.shapes:
            continue
        height, width = images.shapes[hr][:2]
        lr_height, lr_width = images.shapes[name][:2]
        if (height, width) != (scale * lr_height, scale * lr_width):
            raise ConfigError(
                f"{hr} of {images.url} must be {scale} times as large as {name}, which is "
                f"{lr_width} x {lr_height} px, got {width} x {height} px."
            )


def _read(needs: Needs, images: Images) -> Images:
    """Return the pictures that a method reads: with a crop, no moments stand in for them."""
    read = (
        next((name for name in need.any_of if name in images.shapes), "") for need in needs.members
    )
    return Images(images.url, {name: images.shapes[name] for name in read if name})


def _shapes(offered: OfferedSet) -> dict[str, tuple[int, ...]]:
    """Return the shape [H, W, C] of every picture of a dataset and its overlays."""
    return {
        name: tuple(spec["shape"])
        for name, spec in offered.members.items()
        if is_image(name) and is_image_spec(spec)
    }
