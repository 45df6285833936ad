"""Sizes of HR, of LR and for the VAE: seen in the plans, before anything is loaded."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pairgen.errors import ConfigError
from pairgen.methods._images.pairs import check_sizes
from pairgen.training.data.image_sizes import check_encodable, check_image_sizes
from pairgen.training.data.offered import OfferedSet
from tests.image_sets import image_plan, rgb


def check(method: str, hr: str = "png", crop: int = 0, **options: Any) -> None:
    """Check a method on HR of 64 x 48 px, LR at 1/2, and a wrong one at 1/4."""
    members = {hr: rgb(48, 64), "lr2.png": rgb(24, 32), "lr4.png": rgb(12, 20), "txt": {}}
    plan = replace(image_plan(num_samples=4), members=members)
    check_image_sizes(method, options, [OfferedSet("set", plan)], crop)


@pytest.mark.parametrize("hr", ["png", "webp"])
@pytest.mark.parametrize("method", ["yonos", "yonos_decoder", "osediff"])
def test_a_scale_that_is_none_is_refused_with_both_sizes(method, hr):
    check(method, hr, scale=2)
    told = f"^{hr} of set must be 4 times as large as lr4.png, which is 20 x 12 px, got 64 x 48 px"
    with pytest.raises(ConfigError, match=told):
        check(method, hr, scale=4)


def test_the_level_of_a_teacher_is_compared_too():
    # LR at 1/8 is read from moments alone: the plan does not tell its size.
    with pytest.raises(ConfigError, match=r"must be 4 times as large as lr4\.png"):
        check("yonos", scale=8, teacher="x4")


def test_a_crop_must_fit_every_picture_that_is_read():
    check("yonos", scale=2, crop=6)
    with pytest.raises(ConfigError, match=r"crop must be divisible by 2, because lr2\.png of set"):
        check("yonos", scale=2, crop=5)
    with pytest.raises(ConfigError, match="crop must be at most 48"):
        check("yonos", scale=2, crop=50)


def test_stored_latents_of_other_sizes_are_refused_in_the_first_batch():
    hr = torch.zeros(2, 4, 6, 8)
    check_sizes(torch.zeros(2, 4, 6, 8), hr, 4)
    told = "HR must be 4 times as large as LR: here HR is 8 x 6 and LR, enlarged 4 times, 10 x 6"
    with pytest.raises(ConfigError, match=told):
        check_sizes(torch.zeros(2, 4, 6, 10), hr, 4)


def check_vae(
    model: Path,
    method: str,
    height: int,
    width: int,
    crop: int = 0,
    members: Any = (),
    module: str = "latent_diffusion",
    **options: Any,
) -> None:
    """Check HR of a size for the VAE of a model."""
    pictures = {"png": rgb(height, width), "lr2.png": rgb(height // 2, width // 2), "txt": {}}
    sets = [OfferedSet("set", replace(image_plan(num_samples=4), members=pictures))]
    start = {"name": model.name, "module": module, "location": str(model), "options": {}}
    check_encodable(method, options, sets, crop, start, members)


@pytest.mark.parametrize("method", ["add", "ladd", "osediff", "yonos", "yonos_decoder"])
def test_pictures_that_the_vae_cannot_take_are_refused(sd15_folder, method):
    check_vae(sd15_folder, method, 48, 64)
    told = (
        "^png of set must have sides that are multiples of 2 px for the VAE of sd15, got 64 x 47 "
        "px: make the set again, or train on crops of it with crop=N, a multiple of 2.$"
    )
    with pytest.raises(ConfigError, match=told):
        check_vae(sd15_folder, method, 47, 64)
    check_vae(sd15_folder, method, 47, 64, crop=40)
    told = "^crop must be a multiple of 2 px for the VAE of sd15, got 39.$"
    with pytest.raises(ConfigError, match=told):
        check_vae(sd15_folder, method, 47, 64, crop=39)


def test_pictures_that_no_vae_sees_may_have_any_size(sd15_folder, unconditional_folder):
    # Latents are read instead.
    check_vae(sd15_folder, "ladd", 47, 63, members=["latent.npy"])
    check_vae(sd15_folder, "ladd", 47, 63, members=["moments.npy"])
    # Its latents are pictures.
    check_vae(unconditional_folder, "ladd", 47, 63, module="pixel_unet")
    check_vae(sd15_folder, "regression", 47, 63)


def test_a_training_refuses_them_before_it_loads_a_network(
    train, photographs, sd15_folder, dino, monkeypatch
):
    monkeypatch.setattr("pairgen.jobs.train.run.make_setup", None)
    options = {"method": "add", "model": str(sd15_folder), "features": str(dino)}
    with pytest.raises(ConfigError, match=r"crop must be a multiple of 2 px .* got 9"):
        train(photographs, steps=1, crop=9, **options)
