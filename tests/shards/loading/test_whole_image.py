"""Which members a crop, a flip or a trained encoder falsifies."""

import pytest

from pairgen.errors import ConfigError
from pairgen.shards.loading.whole_image import check_caches

ENCODED = ("moments.npy", "lr2_latent.npy", "lr4_moments.npy", "depth_latent.npy")
PLACED = (
    *("noise.npy", "latent.npy", "path.npy", "clip_image.npy", "dino_cls.npy", "my_own.npy"),
    *ENCODED,
)
FREE = (
    *("png", "lr4.png", "mask.png", "txt", "tag.txt", "cls"),
    *("txt_emb.npy", "pooled_emb.npy", "clip_text.npy"),
)


@pytest.mark.parametrize("field", PLACED)
def test_arrays_of_the_whole_image_are_refused_with_reason_and_remedy(field: str) -> None:
    check_caches([field], ["ode"])
    for options, named in (
        ({"crop": 256}, "crop=256"),
        ({"flip": True}, "flip=true"),
        ({"crop": 8, "flip": True}, "crop=8 and flip=true"),
    ):
        with pytest.raises(
            ConfigError,
            match=f"^{field} cannot be loaded with {named}: it belongs to the whole image, .*; "
            "leave out crop and flip, or load the images",
        ):
            check_caches(["png", field], ["ode"], **options)


def test_images_texts_and_what_is_made_of_texts_may_always_be_loaded() -> None:
    check_caches(FREE, ["degrade"], crop=256, flip=True, encoder_trained=True)


@pytest.mark.parametrize("field", [*ENCODED, "latent.npy"])
def test_what_the_encoder_made_is_refused_while_it_is_trained(field: str) -> None:
    with pytest.raises(
        ConfigError,
        match=f"^{field} cannot be loaded while the encoder is trained: it was made by .*; "
        "load the images that it was made of, or keep the encoder frozen",
    ):
        check_caches(["png", field], ["ode", "degrade"], encoder_trained=True)


def test_what_a_sampler_or_another_network_made_stays_with_a_trained_encoder() -> None:
    fields = ["latent.npy", "noise.npy", "path.npy", "clip_image.npy", "dino_cls.npy"]
    check_caches(fields, ["ode", "ode"], encoder_trained=True)
