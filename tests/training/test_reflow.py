"""Reflow: exact on straight paths, trained by velocities, sampled by pairgen's own solver."""

import json

import numpy as np
import pytest
import torch

import pairgen
from pairgen.errors import ConfigError
from pairgen.sampling.grid import make_grid
from pairgen.sampling.parameterization import FlowSchedule, to_x0_eps
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS


def test_a_flow_schedule_and_its_inverse():
    schedule = FlowSchedule(1000)
    t = torch.tensor([1000.0, 750.0, 1.0, 0.0], dtype=torch.float64)
    alpha, sigma = schedule.alpha_sigma(t)
    assert alpha.tolist() == [0.0, 0.25, 0.999, 1.0]
    torch.testing.assert_close(alpha + sigma, torch.ones(4, dtype=torch.float64))
    inside = slice(1, 3)
    torch.testing.assert_close(
        schedule.time_of(torch.log(alpha[inside] / sigma[inside])), t[inside]
    )


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_any_number_of_steps_is_exact_on_a_straight_path(steps):
    schedule, generator = FlowSchedule(), torch.Generator().manual_seed(0)
    z, x = torch.randn(2, 3, 4, 5, 5, generator=generator)

    def predict(state, t):
        alpha, sigma = (v.float().view(-1, 1, 1, 1) for v in schedule.alpha_sigma(t))
        return to_x0_eps("flow", z - x, state, alpha, sigma)

    grid = make_grid(schedule, "uniform", steps, "clean")
    assert grid.times[0] == 1000
    found, _ = sample(predict, z, grid, SOLVERS["ddim"])
    torch.testing.assert_close(found, x, atol=1e-5, rtol=1e-5)


def test_it_learns_and_is_a_model(pairs, train, tmp_path):
    options = {"method": "reflow", "steps": 30, "batch_size": 16, "lr": 2e-3, "student_steps": 2}
    run = train(pairs, **options).folder
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    first, last = (
        np.mean([line["student/loss"] for line in part]) for part in (lines[:4], lines[-4:])
    )
    assert last < 0.8 * first
    prompts = tmp_path / "cat.txt"
    prompts.write_text("a cat\n")
    made = pairgen.ode(
        model=str(run), prompts=str(prompts), out=str(tmp_path / "made"), executor="serial"
    )
    assert list(made.plan.resolved["times"]) == [1000.0, 500.0]
    with pytest.raises(ConfigError, match="solver must be ddim for a flow"):
        pairgen.ode(model=str(run), prompts=str(prompts), out=str(tmp_path / "no"), solver="heun")


def test_the_student_that_is_shown_is_the_student_that_is_exported(pairs, train, tmp_path):
    run = train(pairs, method="reflow", steps=1, student_steps=3, grid_every=1).folder
    from PIL import Image

    shown = np.asarray(Image.open(run / "grids/00000001.png"))
    assert shown.shape[2] == 3
    again = pairgen.sample(
        model=str(run), prompts=["a red heart", "a blue book"], out=str(tmp_path / "x.png"), seed=1
    )
    side = again.pictures.shape[1]
    second_row = shown[side + 6 : 2 * side + 6, 2 : 2 + side]
    assert np.abs(second_row.astype(int) - again.pictures[0].astype(int)).max() <= 2
