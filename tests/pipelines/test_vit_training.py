"""What the tiny ViT learns from, and the folder that is shipped."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from train_vit import SCALE, whiten
from transformers import AutoModel
from vit.degrade import (
    KINDS,
    MIN_SIDE,
    SHARES,
    UNCERTAIN,
    WAYS,
    Rectangle,
    degrade,
    draw_rectangles,
    patch_kinds,
)
from vit.lessons import COLOURS, Lesson, draw_compositions, make_lesson
from vit.network import Answer, Pupil, balanced_cross_entropy, losses, make_vit
from vit.report import patches_right, pictures_right, write_vit

from pairgen.sources.painted.compositions import BACKGROUNDS, STYLES, all_compositions


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=[seed, 0]))


def reconstruct(pictures, drawn):
    """A codec that darkens by 8 levels."""
    return pictures - np.minimum(pictures, 8)


@pytest.fixture(scope="module")
def lesson():
    return make_lesson(48, generator(), reconstruct)


@pytest.mark.parametrize("kind", range(1, len(KINDS)))
@pytest.mark.parametrize("strength", [0.0, 0.99])
def test_only_the_rectangle_is_degraded_and_only_where_it_can_be_seen(kind, strength):
    pictures = generator().integers(0, 256, (2, 64, 64, 3), np.uint8)
    # Of one colour at the left, where only noise and the codec change anything.
    pictures[:, :, :32] = 128
    rectangle = Rectangle(kind, (8, 44), (0, 64), strength)
    untouched = rectangle._replace(kind=0)
    degraded = degrade(pictures, [rectangle, untouched], reconstruct, generator(1))
    assert np.array_equal(degraded[1], pictures[1])
    outside = np.ones((64, 64), bool)
    outside[8:44] = False
    assert np.array_equal(degraded[0, outside], pictures[0, outside])
    kinds = patch_kinds(pictures, degraded, [rectangle, untouched])
    assert (kinds[1] == 0).all()
    # Four rows of patches lie inside, half of one more.
    assert (kinds[0, 1:6, 4:] == kind).all()
    assert (kinds[0, [0, 6, 7]] == 0).all()
    left = {"noise": kind, "vae": kind}.get(KINDS[kind], 0)
    assert (kinds[0, 1:5, :2] == left).all()


def test_a_patch_that_is_touched_less_than_half_is_uncertain():
    pictures = np.full((1, 64, 64, 3), 100, np.uint8)
    rectangle = Rectangle(KINDS.index("vae"), (0, 35), (0, 64), 0.5)
    kinds = patch_kinds(
        pictures, degrade(pictures, [rectangle], reconstruct, generator()), [rectangle]
    )
    assert kinds[0, :, 0].tolist() == [3, 3, 3, 3, UNCERTAIN, 0, 0, 0]


def test_strength_makes_every_degradation_worse():
    pictures = make_lesson(8, generator(2), reconstruct, intact=True).pictures
    levels = ((pictures + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    for name, way in WAYS.items():
        errors = [
            np.mean([np.square(way(p, s, generator(3)).astype(float) - p).mean() for p in levels])
            for s in (0.0, 0.5, 0.99)
        ]
        assert errors == sorted(errors), name
        assert errors[0] > 1, name


def test_rectangles_are_drawn_as_often_as_said():
    drawn = draw_rectangles(4_000, generator())
    counts = np.bincount([each.kind for each in drawn], minlength=len(KINDS)) / len(drawn)
    assert counts == pytest.approx(SHARES, abs=0.03)
    for first, end in [span for each in drawn for span in (each.rows, each.columns)]:
        assert 0 <= first <= end - MIN_SIDE <= 64 - MIN_SIDE


def test_versions_of_a_scene_differ_only_in_what_was_done_to_it():
    drawn = draw_rectangles(50, generator(), 3)
    for place in range(0, 150, 3):
        versions = drawn[place : place + 3]
        assert len({each.kind for each in versions}) == 3
        assert len({each._replace(kind=0) for each in versions}) == 1
    lesson = make_lesson(8, generator(), reconstruct, num_versions=2)
    for first in range(0, 8, 2):
        one, other = (Lesson(*(each[place] for each in lesson)) for place in (first, first + 1))
        assert (one.concept, one.style) == (other.concept, other.style)
        assert torch.equal(one.coverage, other.coverage)
        assert not torch.equal(one.pictures, other.pictures)


def test_a_lesson_is_a_function_of_its_generator_and_says_what_is_true(lesson):
    again = make_lesson(48, generator(), reconstruct)
    assert all(torch.equal(one, other) for one, other in zip(lesson, again, strict=True))
    assert lesson.pictures.shape == (48, 3, 64, 64)
    assert 0 <= int(lesson.concept.min()) <= int(lesson.concept.max()) < 155
    # A silhouette has a colour, and not that of its background.
    dark = lesson.style == STYLES.index("silhouette")
    assert dark.any()
    for colour, background in zip(lesson.colour[dark], lesson.background[dark], strict=True):
        assert COLOURS[int(colour)] not in (None, BACKGROUNDS[int(background)])
    assert (lesson.coverage.amax((1, 2)) > 0.5).all()
    assert (lesson.coverage.amin((1, 2)) < 0.05).all()


def test_held_out_compositions_are_unseen_but_of_things_that_are_seen():
    for held_out in (False, True):
        shown = draw_compositions(200, generator(), held_out=held_out)
        assert {each.held_out for each in shown} == {held_out}
    seen = {each.concept for each in all_compositions() if not each.held_out}
    assert seen == {each.concept for each in all_compositions()}


def test_the_balanced_loss_weighs_a_rare_kind_as_much_as_the_frequent_one():
    logits = torch.randn(1, 6, 8, 8, generator=torch.Generator().manual_seed(0))
    kinds = torch.zeros(1, 8, 8, dtype=torch.int64)
    kinds[0, 0, 0], kinds[0, 7] = 4, UNCERTAIN
    logged = F.log_softmax(logits, dim=1)
    untouched = -logged[0, 0][kinds[0] == 0].mean()
    expected = (untouched - logged[0, 4, 0, 0]) / 2
    assert float(balanced_cross_entropy(logits, kinds)) == pytest.approx(float(expected))


def test_every_head_and_every_layer_learns(lesson):
    torch.manual_seed(0)
    pupil = Pupil()
    answer = pupil(lesson.pictures[:8])
    assert answer.kinds.shape == (8, 6, 8, 8)
    assert [tuple(each.shape[1:]) for each in answer.maps] == [(48, 8, 8), (96, 4, 4), (96, 2, 2)]
    few = Lesson(*(each[:8] for each in lesson))
    terms = losses(answer, few, [torch.zeros_like(each) for each in answer.maps])
    torch.stack(list(terms.values())).sum().backward()
    idle = {name for name, weight in pupil.named_parameters() if weight.grad is None}
    assert idle == {"vit.embeddings.mask_token"}


def test_a_whitened_embedding_tells_all_directions_of_patches_alike():
    noise = torch.randn(64, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    # Neighbouring pixels are much alike, as in pictures.
    pictures = F.avg_pool2d(noise, 3, stride=1, padding=1) + 0.3
    projection = torch.nn.Conv2d(3, 128, 8, stride=8)
    whiten(projection, pictures)
    given = projection(pictures).detach().movedim(1, 3).flatten(0, 2)
    assert given.mean(dim=0).abs().max() < 1e-4
    covariance = given.T @ given / len(given)
    assert torch.allclose(covariance, SCALE**2 * torch.eye(128), atol=2e-3)


def test_figures_count_what_is_right():
    kinds = torch.full((1, 8, 8), UNCERTAIN)
    kinds[0, 0, :4], kinds[0, 1, :2], kinds[0, 2:7, 0] = 0, 4, torch.arange(1, 6)
    kinds[0, 5, 0] = 1
    said = torch.zeros(1, 6, 8, 8)
    said[:, 4] = -1
    said[0, 4, 1, 0] = 9
    coverage = torch.full((1, 8, 8), 0.25)
    one = torch.tensor([1])
    lesson = Lesson(torch.zeros(1, 3, 64, 64), one, one, one, one, coverage, kinds)
    right, wrong = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    answer = Answer(right, wrong, right, wrong, torch.zeros(1, 8, 8), said, [])
    found = pictures_right([(answer, lesson)])
    assert found == {
        "concept": 1.0,
        "style": 0.0,
        "colour": 1.0,
        "background": 0.0,
        "coverage_error": 0.25,
    }
    found = patches_right([(answer, lesson)])
    assert found["recall"] == {
        "none": 1.0,
        "blur": 0.0,
        "bicubic": 0.0,
        "vae": 0.0,
        "noise": 0.5,
        "jpeg": 0.0,
    }
    assert found["balanced"] == 0.25
    assert (found["degraded"], found["all"]) == (round(1 / 7, 4), round(5 / 11, 4))
    assert found["uncertain"] == round(53 / 64, 4)


def test_a_written_folder_gives_the_same_features_but_for_their_rounding(tmp_path):
    torch.manual_seed(0)
    vit = make_vit().eval()
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        expected = vit(pixel_values=pictures).last_hidden_state
        write_vit(tmp_path / "vit", vit)
        loaded = AutoModel.from_pretrained(tmp_path / "vit").eval()
        found = loaded(pixel_values=pictures).last_hidden_state
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, atol=0.02)
