"""The folder of the tiny ViT that is shipped: any transformers loads it, and it sees sharpness."""

import json

import numpy as np
import pytest
import torch
from soften import blur
from train_vit import SCALE_SEED, SEED
from transformers import AutoModel, Dinov2Model
from vit.lessons import Lesson, make_lesson
from vit.report import FIGURES, HELD_OUT_SEED, SEEN_SEED

from pairgen.config import packaged_assets
from pairgen.teachers._pretrained.files import find_snapshot
from pairgen.vision.preparation import read_preparation

FOLDER = packaged_assets() / "vit"


@pytest.fixture(scope="module")
def vit() -> Dinov2Model:
    return AutoModel.from_pretrained(FOLDER).eval()


@pytest.fixture(scope="module")
def lesson() -> Lesson:
    """Intact pictures of held-out compositions."""
    generator = np.random.Generator(np.random.Philox(key=[1, 0]))
    return make_lesson(32, generator, lambda pictures, _: pictures, held_out=True, intact=True)


def test_it_is_a_small_dinov2_in_float32_from_files_in_float16(vit):
    files = [path for path in FOLDER.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 2_000_000
    assert isinstance(vit, Dinov2Model)
    sizes = ("image_size", "patch_size", "hidden_size", "num_hidden_layers")
    assert [getattr(vit.config, each) for each in sizes] == [64, 8, 128, 4]
    assert sum(weight.numel() for weight in vit.parameters()) == 827_648
    assert {weight.dtype for weight in vit.parameters()} == {torch.float32}
    assert all(torch.equal(weight, weight.half().float()) for weight in vit.parameters())


def test_pictures_are_prepared_as_in_training(lesson):
    prepare = read_preparation(find_snapshot("package:assets/vit", "", ()))
    levels = ((lesson.pictures[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    assert np.allclose(prepare(levels), lesson.pictures[0], atol=1e-6)


def test_its_figures_are_told_and_its_seeds_are_nobody_elses():
    figures = json.loads((FOLDER / FIGURES).read_text())
    for part in ("seen", "held_out"):
        assert figures[part]["intact"]["concept"] >= 0.8
        assert figures[part]["patches"]["balanced"] >= 0.8
    import judge_report
    import train_judge
    import train_perceptual

    taken = {
        getattr(module, name)
        for module in (train_judge, judge_report, train_perceptual)
        for name in dir(module)
        if name.endswith("SEED")
    }
    assert not taken & {SEED, SCALE_SEED, SEEN_SEED, HELD_OUT_SEED}


@torch.no_grad()
def test_a_slight_blur_changes_its_patches_more_than_a_shift_that_changes_more_pixels(vit, lesson):
    pictures = lesson.pictures
    others = {"blur": blur(pictures, torch.ones(len(pictures))), "shift": pictures.roll(1, 3)}
    seen = vit(pixel_values=pictures).last_hidden_state
    assert seen.shape == (32, 65, 128)
    assert seen.isfinite().all()
    changes = {
        name: (
            float((other - pictures).square().mean().sqrt()),
            float((vit(pixel_values=other).last_hidden_state - seen)[:, 1:].norm(dim=2).mean()),
        )
        for name, other in others.items()
    }
    assert changes["blur"][0] < 0.7 * changes["shift"][0]
    assert changes["blur"][1] > 1.3 * changes["shift"][1]


@torch.no_grad()
def test_the_nearest_of_other_pictures_often_shows_the_same_thing(vit, lesson):
    generator = np.random.Generator(np.random.Philox(key=[2, 0]))
    others = make_lesson(256, generator, lambda pictures, _: pictures, intact=True)
    tokens = [vit(pixel_values=each.pictures).last_hidden_state for each in (lesson, others)]
    mine, known = (torch.cat((each[:, 0], each[:, 1:].mean(dim=1)), dim=1) for each in tokens)
    mine, known = (
        torch.nn.functional.normalize(each - known.mean(dim=0), dim=1) for each in (mine, known)
    )
    nearest = (mine @ known.T).argmax(dim=1)
    there = torch.isin(lesson.concept, others.concept)
    right = (others.concept[nearest] == lesson.concept)[there].float().mean()
    # By chance one in a hundred.
    assert right > 0.4
