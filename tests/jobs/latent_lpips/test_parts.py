"""Parts of `pairgen train latent-lpips` alone: order, moves, held-out samples, weights."""

import numpy as np
import pytest
import torch

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.jobs.latent_lpips.calibration import (
    Calibration,
    ChannelWeights,
    agreement,
    set_weights,
)
from pairgen.jobs.latent_lpips.classification import (
    Classification,
    Classifier,
    Labelled,
    moved_at_random,
    score_held_out,
)
from pairgen.jobs.latent_lpips.distorted import DISTORTIONS, RATIO, draw_strengths
from pairgen.jobs.latent_lpips.labels import is_held_out
from pairgen.jobs.latent_lpips.memory import MemoryBatches
from pairgen.jobs.latent_lpips.triplets import Measured, Triplets, measure
from pairgen.networks.latent_vgg import LatentVgg
from pairgen.networks.lpips import Lpips

CPU = torch.device("cpu")


def test_batches_of_memory_go_on_where_they_stood():
    tensors = {"x": torch.arange(10), "y": torch.arange(10) * 2}
    whole = MemoryBatches(tensors, 3, seed=4)
    seen = [batch["x"].tolist() for _ in range(3) for batch in whole]
    assert len(seen) == 9
    assert all(len({each for batch in seen[e : e + 3] for each in batch}) == 9 for e in (0, 3, 6))
    assert seen[:3] != seen[3:6]
    again = MemoryBatches(tensors, 3, seed=4)
    taken = iter(again)
    next(taken), next(taken)
    resumed = MemoryBatches(tensors, 3, seed=4, state=again.state())
    assert [batch["x"].tolist() for _ in range(2) for batch in resumed] == seen[2:6]
    assert torch.equal(next(iter(resumed))["y"], 2 * torch.tensor(seen[6]))
    with pytest.raises(ConfigError, match="batch_size must be at most the 10 available samples"):
        MemoryBatches(tensors, 11, seed=0)


def test_moves_flip_and_shift_whole_pictures():
    height, width = 6, 7
    ramp = torch.arange(height * width, dtype=torch.float32).reshape(1, 1, height, width)
    inputs = ramp.repeat(64, 2, 1, 1)
    draws = Draws(0, 0, 0, 64, 64, CPU)
    moved = moved_at_random(inputs, draws, 2)
    assert moved.shape == inputs.shape
    # All that a flip, then a shift with the border repeated, can give.
    padded = {}
    for flip in (False, True):
        plain = ramp[0, 0].numpy()[:, ::-1] if flip else ramp[0, 0].numpy()
        wide = np.pad(plain, 2, mode="edge")
        for top in range(5):
            for left in range(5):
                padded[wide[top : top + height, left : left + width].tobytes()] = (flip, top, left)
    found = {padded[each[0].numpy().tobytes()] for each in moved}
    assert {flip for flip, _, _ in found} == {False, True}
    assert {top for _, top, _ in found} == {left for _, _, left in found} == set(range(5))
    assert torch.equal(moved[:, 0], moved[:, 1])
    same = moved_at_random(inputs, Draws(0, 0, 0, 64, 64, CPU), 2)
    assert torch.equal(same, moved)


def test_samples_of_one_pair_are_held_out_together_and_about_as_many_as_asked():
    held = is_held_out([0] * 20_000, list(range(20_000)), 0.05)
    assert abs(float(held.float().mean()) - 0.05) < 0.01
    assert torch.equal(held, is_held_out([0] * 20_000, list(range(20_000)), 0.05))
    other = is_held_out([1] * 20_000, list(range(20_000)), 0.05)
    assert not torch.equal(held, other)


def classify(inputs, labels, held_out):
    torch.manual_seed(0)
    classifier = Classifier(LatentVgg(4, 1 / 32), 3)
    stage = Classification(classifier, lambda _: Labelled(inputs, labels, held_out), 0)
    batch = range(len(inputs))
    loss, figures = stage.loss(
        "classifier",
        stage.forward((), batch, Draws(0, 0, 0, len(inputs), len(inputs), CPU)),
        batch,
        None,
    )
    loss.backward()
    gradient = classifier.net.slice1.get_submodule("0").weight.grad.clone()
    return loss.detach(), gradient, classifier, figures


def test_what_is_held_out_leaves_no_trace_in_the_classifier():
    generator = torch.Generator().manual_seed(0)
    inputs, labels = torch.randn(8, 4, 8, 8, generator=generator), torch.arange(8) % 3
    held_out = torch.tensor([False, True] * 4)
    loss, gradient, classifier, _ = classify(inputs, labels, held_out)
    other = torch.where(held_out[:, None, None, None], 100.0, inputs)
    loss_of_other, gradient_of_other, classifier_of_other, _ = classify(other, labels, held_out)
    assert torch.equal(loss, loss_of_other)
    assert torch.equal(gradient, gradient_of_other)
    state, state_of_other = classifier.state_dict(), classifier_of_other.state_dict()
    assert all(torch.equal(state[name], state_of_other[name]) for name in state)
    nothing, zero, _, _ = classify(inputs, labels, torch.ones(8, dtype=torch.bool))
    assert float(nothing) == 0
    assert not zero.any()


def test_the_score_counts_held_out_samples_alone():
    torch.manual_seed(0)
    classifier = Classifier(LatentVgg(4, 1 / 32), 3).eval()
    inputs = torch.randn(9, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    guessed = classifier(inputs).argmax(1)
    labels = torch.cat((guessed[:6], (guessed[6:] + 1) % 3))
    held_out = torch.tensor([True] * 4 + [False] * 3 + [True] * 2)
    score = score_held_out(classifier, [Labelled(inputs, labels, held_out)])
    assert (score.num_samples, score.top_1) == (6, round(4 / 6, 4))
    assert score.chance == round(int(labels[held_out].bincount().max()) / 6, 4)


def measured_by(weights: torch.Tensor, num: int = 400) -> Measured:
    """Triplets that are judged by hidden weights."""
    generator = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, num, len(weights), generator=generator)
    return Measured(
        first=first,
        second=second,
        judge=((first - second) @ weights > 0).float(),
        held_out=torch.arange(num) % 3 == 0,
        kinds=torch.arange(num) % 2,
        unrelated=torch.rand(len(weights), generator=generator),
        kind_names=("even", "odd"),
    )


def test_the_calibration_finds_the_weights_that_judged():
    hidden = torch.tensor([0.0, 0.0, 4.0, 1.0, 0.0, 2.0])
    measured = measured_by(hidden)
    heads = ChannelWeights(6)
    stage = Calibration(heads)
    before = agreement(heads.weights.detach(), measured)["all"]
    optimizer = torch.optim.Adam(heads.parameters(), lr=0.05)
    rows = ~measured.held_out
    batch = {name: getattr(measured, name)[rows] for name in ("first", "second", "judge")}
    for step in range(400):
        optimizer.zero_grad()
        loss, _ = stage.loss("weights", stage.forward((), batch, None), batch, None)
        loss.backward()
        optimizer.step()
        stage.after_step(step)
        assert (heads.weights >= 0).all()
    found = heads.weights.detach()
    after = agreement(found, measured)
    assert before < 0.9 < 0.95 < after["all"]
    assert set(after) == {"all", "even", "odd"}
    assert float(torch.nn.functional.cosine_similarity(found, hidden, dim=0)) > 0.97


def test_agreement_is_the_share_of_judges():
    measured = Measured(
        first=torch.tensor([[1.0], [0.0], [2.0], [5.0]]),
        second=torch.tensor([[0.0], [1.0], [2.0], [0.0]]),
        judge=torch.tensor([0.8, 0.8, 0.8, 0.0]),
        held_out=torch.tensor([True, True, True, False]),
        kinds=torch.zeros(4, dtype=torch.int64),
        unrelated=torch.ones(1),
        kind_names=("all of them",),
    )
    # Right with 0.8 of them, with 0.2 of them, a tie; the last does not count.
    expected = round((0.8 + 0.2 + 0.5) / 3, 4)
    assert agreement(torch.ones(1), measured) == {"all": expected, "all of them": expected}


def test_measured_triplets_give_the_distances_of_the_network():
    torch.manual_seed(0)
    lpips = Lpips(LatentVgg(4, 1 / 32))
    reference, first, second = torch.randn(
        3, 4, 4, 8, 8, generator=torch.Generator().manual_seed(1)
    )
    triplets = Triplets(
        reference, first, second, torch.zeros(4), torch.zeros(4, dtype=torch.bool), ("a",) * 4
    )
    measured = measure(lpips.net, [triplets])
    weights = torch.rand(len(measured.unrelated), generator=torch.Generator().manual_seed(2))
    set_weights(lpips, weights, measured)
    scale = measured.unrelated @ weights
    torch.testing.assert_close(lpips(reference, first), measured.first @ weights / scale)
    torch.testing.assert_close(lpips(reference, second), measured.second @ weights / scale)
    unrelated = lpips(reference, reference.roll(1, 0))
    assert float(unrelated.mean()) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("kind", DISTORTIONS)
def test_strengths_stay_in_their_range_and_a_stronger_distortion_changes_more(kind):
    distortion = DISTORTIONS[kind]
    low, high = distortion.strengths
    for place in range(200):
        weaker, stronger = draw_strengths(distortion.strengths, np.random.default_rng(place))
        assert low <= weaker < stronger <= high * (1 + 1e-9)
        assert RATIO[0] <= stronger / weaker <= RATIO[1]
    generator = np.random.default_rng(0)
    if distortion.picture is not None:
        picture = np.zeros((64, 64, 3), np.float32)
        picture[16:40, 20:50] = (0.9, 0.4, 0.2)
        made = [distortion.picture(picture, strength, generator) for strength in (low, high)]
        errors = [float(np.abs(each - picture).mean()) for each in made]
        assert all(each.shape == picture.shape for each in made)
    else:
        latent, other = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        made = [distortion.latent(latent, other, strength, generator) for strength in (low, high)]
        errors = [float((each - latent).abs().mean()) for each in made]
    assert 0 < errors[0] < errors[1]
