"""What the evaluation net learns from: contrast, almost true captions, softened pictures."""

import numpy as np
import pytest
import scipy.ndimage
import torch
from captions_nearby import PARTS, Neighbours
from picture_bank import Bank
from soften import Softness, blur, draw_softness, soften
from train_judge import contrastive_loss, draw_batch, move

from pairgen.sources.painted.compositions import all_compositions

EVERYTHING = all_compositions()
SEEN = [place for place, each in enumerate(EVERYTHING) if not each.held_out]


@pytest.fixture(scope="module")
def neighbours() -> Neighbours:
    return Neighbours(EVERYTHING, SEEN)


def unit_vectors(num: int, seed: int) -> torch.Tensor:
    vectors = torch.randn(num, 5, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(vectors, dim=1)


def test_the_loss_is_infonce_both_ways():
    pictures, captions, scale = unit_vectors(3, 0), unit_vectors(5, 1), 4.0
    similar = np.exp(scale * (pictures @ captions.T).numpy().astype(np.float64))
    expected = -np.mean(
        [
            (np.log(similar[i, i] / similar[i].sum()) + np.log(similar[i, i] / similar[:, i].sum()))
            / 2
            for i in range(3)
        ]
    )
    said = torch.arange(5)
    found = contrastive_loss(pictures, captions, said[:3], said, torch.tensor(scale))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_another_true_caption_is_no_negative():
    pictures, captions, scale = unit_vectors(1, 0), unit_vectors(4, 1), torch.tensor(4.0)
    shown = torch.tensor([7])
    false_ones = contrastive_loss(pictures, captions, shown, torch.tensor([7, 8, 8, 9]), scale)
    assert false_ones > 0
    true_ones = contrastive_loss(pictures, captions, shown, torch.tensor([7, 7, 7, 7]), scale)
    assert true_ones == 0


def test_two_pictures_of_one_composition_do_not_repel():
    pictures, captions = unit_vectors(2, 0), unit_vectors(2, 1)
    same = torch.tensor([7, 7])
    assert float(contrastive_loss(pictures, captions, same, same, torch.tensor(4.0))) == 0


def test_neighbours_differ_in_one_part_and_are_never_held_out(neighbours):
    generator, found = np.random.default_rng(0), set()
    for place in generator.choice(SEEN, 300):
        one, other = EVERYTHING[place], EVERYTHING[neighbours.draw(place, generator)]
        different = [part for part in PARTS if getattr(one, part) != getattr(other, part)]
        assert len(different) == 1
        assert not other.held_out
        found.update(different)
    assert found == set(PARTS)


def test_blur_is_scipys_and_nothing_at_0():
    pictures = torch.rand(3, 3, 20, 20, generator=torch.Generator().manual_seed(0)) * 2 - 1
    blurred = blur(pictures, torch.tensor([0.0, 0.6, 1.5]))
    torch.testing.assert_close(blurred[0], pictures[0])
    for picture, found, sigma in ((pictures[1], blurred[1], 0.6), (pictures[2], blurred[2], 1.5)):
        expected = scipy.ndimage.gaussian_filter(
            picture.double().numpy(), (0, sigma, sigma), mode="nearest", radius=4
        )
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_half_of_the_pictures_are_softened_the_others_untouched():
    generator = np.random.default_rng(0)
    pictures = torch.rand(200, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    softness = draw_softness(200, generator)
    softened = soften(pictures, softness, generator)
    changed = (softened != pictures).flatten(1).any(1)
    assert torch.equal(changed, softness.blur > 0)
    assert 70 < int(changed.sum()) < 130
    assert softened.abs().max() <= 1


def test_softness_0_changes_nothing():
    pictures = torch.rand(4, 3, 16, 16) * 2 - 1
    none = Softness(*torch.zeros(3, 4))
    assert torch.equal(soften(pictures, none, np.random.default_rng(0)), pictures)


def test_moved_pictures_keep_their_place_within_3_px_and_their_values_within_a_tenth():
    pictures = np.zeros((64, 64, 64, 3), np.uint8)
    pictures[:, 30, 20] = 255
    moved = move(pictures, np.random.default_rng(0))
    assert moved.shape == (64, 3, 64, 64)
    rows, columns = np.divmod(moved[:, 0].flatten(1).argmax(1).numpy(), 64)
    assert set(rows) == set(range(27, 34))
    # Flipped or not.
    assert set(columns) == set(range(17, 24)) | set(range(40, 47))
    assert moved.amax() <= 1.1
    assert moved.amin() >= -1.1


def test_a_batch_depends_on_its_generator_alone(neighbours):
    generator = np.random.default_rng(0)
    bank = Bank(
        generator.integers(0, 256, (20, 64, 64, 3), np.uint8),
        generator.choice(SEEN, 20).astype(np.int32),
    )

    def draw(step):
        key = np.random.Philox(key=[1, step])
        return draw_batch(bank, 8, EVERYTHING, neighbours, np.random.Generator(key))

    first, again, other = draw(0), draw(0), draw(1)
    assert torch.equal(first.pictures, again.pictures)
    assert first.captions == again.captions != other.captions
    assert len(first.captions) == len(first.said) == 8 * 3
    assert torch.equal(first.said[:8], first.shown)
    assert not any(EVERYTHING[place].held_out for place in first.said)
