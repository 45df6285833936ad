"""Pairs of images are read in order, from a set and its overlays, as the loader reads them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pairgen.errors import ConfigError, CorruptShardError
from pairgen.image_recipe import ImageRecipe
from pairgen.kinds.image_pairs import check_members, read_image_pairs
from pairgen.kinds.image_pictures import enlarged_pictures
from pairgen.kinds.image_student import as_input
from pairgen.shards.format.where import parse_where
from pairgen.shards.loading.loader import Loader
from pairgen.shards.loading.training_set import TrainingSet, open_set
from tests.image_sets import image_overlay_plan, image_plan, one_channel, pixels, rgb, write_images
from tests.small_sets import flip_byte

RESTORATION = ImageRecipe(kind="restoration", source="lr4.png", scale=4, prompt="a photo")
CPU = torch.device("cpu")


def conditional(source: str) -> ImageRecipe:
    return ImageRecipe(kind="conditional", source=source)


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> str:
    """12 samples in 3 shards. Do not change it."""
    plan = image_plan(members={"txt": {}})
    return write_images(tmp_path_factory.mktemp("images") / "set", plan)


def test_a_recipe_says_what_the_model_is_given() -> None:
    assert str(RESTORATION) == "restoration of lr4.png"
    painted = ImageRecipe(
        kind="conditional", source="png", start="noise", branch=True, mask="mask.png"
    )
    assert str(painted) == "conditional of png and mask.png"


def test_pairs_come_in_order(url):
    found = open_set(TrainingSet(url), None, skip_bad=False)
    check_members(found, RESTORATION)
    pairs = read_image_pairs(found, RESTORATION, 6)
    assert pairs.keys == tuple(f"{index:09d}" for index in range(6))
    assert pairs.prompts == ("a photo",) * 6
    assert pairs.captions == tuple(f"image {index}" for index in range(6))
    for index in range(6):
        assert np.array_equal(pairs.given[index], pixels(rgb(12, 16), index))
        assert np.array_equal(pairs.targets[index], pixels(rgb(48, 64), index))
    own = replace(RESTORATION, prompts="txt")
    assert read_image_pairs(found, own, 2).prompts == ("image 0", "image 1")


def test_a_condition_chooses_pairs(url):
    where = parse_where("key >= '000000005' and key != '000000006'")
    found = open_set(TrainingSet(url), where, skip_bad=False)
    pairs = read_image_pairs(found, RESTORATION, 3)
    assert [int(key) for key in pairs.keys] == [5, 7, 8]
    assert len(read_image_pairs(found, RESTORATION, 100)) == 6


@pytest.mark.parametrize("name", ["canny.png", "depth.png"])
def test_gray_conditions_of_an_overlay_are_given_as_the_loader_gives_them(tmp_path, name):
    plan = image_plan()
    members = {key: spec for key, spec in plan.members.items() if key in ("json", "png")}
    plan = replace(plan, members=members)
    base = write_images(tmp_path / "set", plan)
    both = TrainingSet(base, overlays=[write_images(tmp_path / "over", image_overlay_plan(plan))])
    found = open_set(both, None, skip_bad=False)
    check_members(found, conditional(name))
    pairs = read_image_pairs(found, conditional(name), 5)
    spec = one_channel(48, 64, "uint16" if name == "depth.png" else "uint8")
    assert np.array_equal(pairs.given[4], pixels(spec, 4))
    batch = next(iter(Loader(both, fields=[name], batch_size=12)))
    images = batch.image(name)[batch.indices.argsort()][:5].expand(-1, 3, -1, -1)
    assert torch.equal(as_input(pairs.given, CPU), images)
    # Shown as gray.
    shown = enlarged_pictures(pairs.given, 1)
    assert shown.shape == (5, 48, 64, 3) and (shown[..., 0] == shown[..., 2]).all()
    with pytest.raises(ConfigError, match=r"has no member 'canny\.png'"):
        check_members(open_set(TrainingSet(base), None, False), conditional("canny.png"))


def test_members_that_do_not_fit_are_refused(url):
    found = open_set(TrainingSet(url), None, skip_bad=False)
    for recipe, message in (
        (replace(RESTORATION, source="lr8.png"), r"has no member 'lr8\.png'"),
        (replace(RESTORATION, source="txt"), "txt must be an image, one of png, jpg, webp"),
        (replace(RESTORATION, prompts="cap.txt"), r"has no member 'cap\.txt'"),
        (replace(RESTORATION, scale=2), "must be 2 times as large as lr4.png, 32 x 24 px, got 64"),
        (
            ImageRecipe(kind="conditional", source="png", target="depth.png"),
            r"depth\.png of .* must be RGB",
        ),
    ):
        with pytest.raises(ConfigError, match=message):
            check_members(found, recipe)


def test_altered_shards_and_images_that_are_not_as_planned_are_refused(tmp_path):
    url = write_images(tmp_path / "bad", image_plan())
    flip_byte(tmp_path / "bad/train/00001.tar", 700)
    found = open_set(TrainingSet(url), None, skip_bad=False)
    assert len(read_image_pairs(found, RESTORATION, 4)) == 4
    with pytest.raises(CorruptShardError, match=r"00001\.tar .* does not match its receipt"):
        read_image_pairs(found, RESTORATION, 5)
    for name, wrong, message in (
        ("size", pixels(rgb(8, 8), 0), r"00001\.tar .* lr4\.png of sample 000000005 of another"),
        ("bytes", b"no image", r"00001\.tar .* lr4\.png of sample 000000005 that cannot be read"),
    ):
        url = write_images(
            tmp_path / name,
            image_plan(),
            lambda member, spec, index, wrong=wrong: (
                wrong if (member, index) == ("lr4.png", 5) else pixels(spec, index)
            ),
        )
        with pytest.raises(CorruptShardError, match=message):
            read_image_pairs(open_set(TrainingSet(url), None, False), RESTORATION, 8)
