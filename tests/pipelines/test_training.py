"""A training run in minutes goes on where it was stopped."""

from pathlib import Path

import budget as minutes
import optimizer
import pytest
import torch
from torch import nn


def make_state(optimizer_of) -> dict:
    torch.manual_seed(0)
    model = nn.Linear(4, 3)
    return {"model": model, "optimizer": optimizer_of(model)}


def train(budget: minutes.Budget, state: dict, num_steps: int) -> None:
    for _ in range(num_steps):
        x = torch.full((2, 4), float(budget.step))
        loss = state["model"](x).square().mean()
        state["optimizer"].zero_grad()
        loss.backward()
        state["optimizer"].step()
        budget.tick(float(loss.detach()))


def test_a_run_that_was_stopped_goes_on_to_equal_weights(tmp_path: Path) -> None:
    def of(model: nn.Module):
        return optimizer.make_optimizer(model, (1e-2, 1e-2), 0.1, border=())

    whole = make_state(of)
    train(minutes.Budget(tmp_path / "whole.pt", 60, whole), whole, 8)
    first = make_state(of)
    budget = minutes.Budget(tmp_path / "stopped.pt", 60, first)
    train(budget, first, 5)
    budget.save()
    second = make_state(of)
    resumed = minutes.Budget(tmp_path / "stopped.pt", 60, second)
    assert resumed.step == 5 and resumed.spent == budget.spent > 0
    train(resumed, second, 3)
    for name, weight in whole["model"].state_dict().items():
        assert torch.equal(weight, second["model"].state_dict()[name])


def test_the_rate_rises_stays_and_falls_to_a_hundredth(tmp_path: Path) -> None:
    budget = minutes.Budget(tmp_path / "run.pt", 1.0, {})
    assert budget.rate == pytest.approx(0.01)
    budget.step = 1000
    rates = []
    for budget.spent in (0.0, 36.0, 48.0, 60.0):
        rates.append(round(budget.rate, 4))
    assert rates == [1.0, 1.0, 0.505, 0.01]
    assert not budget.left


def test_a_muon_update_is_orthogonal_and_as_large_as_said() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((8, 30), (30, 8), (12, 12)):
        matrix = torch.randn(shape, generator=generator)
        values = torch.linalg.svdvals(optimizer.orthogonalise(matrix))
        assert values.min() > 0.6 and values.max() < 1.3
    model = nn.Sequential(nn.Conv2d(4, 8, 3), nn.GroupNorm(2, 8))
    before = model[0].weight.detach().clone()
    both = optimizer.make_optimizer(model, (0.1, 0.1), 0.0, border=())
    assert [weight.ndim for group in both.param_groups for weight in group["params"]] == [4]
    model(torch.randn(2, 4, 6, 6, generator=generator)).square().mean().backward()
    both.step()
    change = (model[0].weight.detach() - before).square().mean().sqrt()
    assert 0.2 * 0.1 * 0.6 < change < 0.2 * 0.1 * 1.3
