"""Schedules as people's models have them, beside diffusers' own pipelines."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
)
from torch import Tensor

import pairgen
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.jobs.ode.run import plan_ode
from pairgen.kinds.ode.maker import grid_of
from pairgen.sampling.grid import make_grid
from pairgen.sampling.parameterization import DiscreteSchedule, column
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.shards.format.plan_file import read_plan
from pairgen.teachers import latent_diffusion
from pairgen.teachers._mixture import exact_solution
from pairgen.types import Plan
from tests.teachers.test_latent_diffusion import (
    build,
    copy,
    edit_json,
    load_pipeline,
    make_noise,
    relative_difference,
    run_diffusers,
    run_ours,
)

pytestmark = pytest.mark.usefixtures("one_thread")
CONFIG = "scheduler/scheduler_config.json"


@pytest.fixture
def zero_snr(sd21_folder: Path, tmp_path: Path) -> Path:
    """A model that predicts v and was trained with zero terminal SNR."""
    folder = copy(sd21_folder, tmp_path, "zero-snr")
    edit_json(folder / CONFIG, rescale_betas_zero_snr=True, prediction_type="v_prediction")
    return folder


def scheduled(cls: Any, pipeline: Any, **options: Any) -> Any:
    return cls.from_config(pipeline.scheduler.config, clip_sample=False, **options)


@pytest.mark.parametrize("end", ["t0", "clean"])
@pytest.mark.parametrize(
    ("spacing", "steps"), [("trailing", 10), ("trailing", 50), ("leading", 20)]
)
def test_ddim_with_zero_terminal_snr_equals_diffusers_bit_for_bit(zero_snr, spacing, steps, end):
    pipeline = load_pipeline(StableDiffusionPipeline, zero_snr)
    options = {"timestep_spacing": spacing, "steps_offset": 1, "set_alpha_to_one": end == "clean"}
    theirs = run_diffusers(pipeline, scheduled(DDIMScheduler, pipeline, **options), steps)
    assert torch.equal(run_ours(build(zero_snr), "ddim", spacing, steps, end), theirs)


def test_dpmpp_2m_with_zero_terminal_snr_is_close_to_diffusers(zero_snr):
    pipeline = load_pipeline(StableDiffusionPipeline, zero_snr)
    # It begins at alpha = 2^-12 instead of 0, and its state at unit variance.
    options = {"timestep_spacing": "trailing", "final_sigmas_type": "sigma_min"}
    options |= {"lower_order_final": False}
    scheduler = scheduled(DPMSolverMultistepScheduler, pipeline, **options)
    theirs = run_diffusers(pipeline, scheduler, 20)
    ours = run_ours(build(zero_snr), "dpmpp_2m", "trailing", 20, "t0")
    assert relative_difference(ours, theirs) < 2e-3


def test_solvers_follow_the_exact_ode_from_where_alpha_is_0() -> None:
    """Of one Gaussian: Euler of order 1, Heun of order 2 though its first step is Euler's."""
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    schedule = DiscreteSchedule(DDIMScheduler(**betas, rescale_betas_zero_snr=True).alphas_cumprod)
    mean, std, noise = 0.3, 0.5, make_noise(2).double()

    def predict(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        alpha, sigma = map(column, schedule.alpha_sigma(t))
        gain = alpha * std**2 / (alpha**2 * std**2 + sigma**2)
        x0 = mean + gain * (x - alpha * mean)
        return x0, (x - alpha * x0) / sigma

    def error(solver: str, steps: int) -> float:
        grid = make_grid(schedule, "trailing", steps, "t0")
        assert grid.alphas[0] == 0
        stop = grid.alphas[-1], grid.sigmas[-1]
        exact = exact_solution(noise, (0.0, 1.0), stop, mean=mean, std=std)
        return float((sample(predict, noise, grid, SOLVERS[solver])[0] - exact).abs().max())

    errors = {name: [error(name, steps) for steps in (40, 80, 160)] for name in SOLVERS}
    falls = {name: [a / b for a, b in pairwise(each)] for name, each in errors.items()}
    assert min(falls["ddim"]) > 1.8
    # It loses order where log(alpha / sigma) has no beginning, less with more steps.
    assert min(falls["dpmpp_2m"]) > 2.4 and errors["dpmpp_2m"][-1] < errors["ddim"][-1] / 2
    assert min(falls["heun"]) > 3.6


def test_a_grid_that_begins_later_needs_nothing_of_the_last_time(zero_snr, tmp_path):
    asked = {"model": str(zero_snr), "executor": "serial", "num_samples": 2, "dtype": "float32"}
    for solver, spacing, steps in (("dpmpp_2m", "749,499,249", 3), ("heun", "leading", 4)):
        out = tmp_path / solver
        pairgen.ode(**asked, solver=solver, spacing=spacing, steps=steps, out=str(out))
        assert pairgen.verify(str(out)).clean


def test_the_spacing_logsnr_is_refused_where_it_has_no_beginning(zero_snr, tmp_path):
    with pytest.raises(ConfigError, match="spacing must not be logsnr for this model, whose alpha"):
        pairgen.ode(model=str(zero_snr), spacing="logsnr", out=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_eps_with_zero_terminal_snr_is_refused_with_the_way_out(zero_snr):
    edit_json(zero_snr / CONFIG, prediction_type="epsilon")
    with pytest.raises(TeacherLoadError, match="Take the model's version that predicts 'v_predic"):
        latent_diffusion.describe(location=str(zero_snr))


def test_alpha_falls_to_0_between_the_last_two_times() -> None:
    schedule = DiscreteSchedule(torch.tensor([0.99, 0.5, 0.25, 0.0]))
    alpha, sigma = schedule.alpha_sigma(torch.tensor([2.0, 2.5, 2.75, 3.0]))
    torch.testing.assert_close(alpha, torch.tensor([0.5, 0.25, 0.125, 0.0]).double())
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones(4).double())
    half_log_snr = torch.tensor([0.0, math.log(1 / 3) / 2, -50.0, -math.inf]).double()
    assert schedule.time_of(half_log_snr).tolist() == pytest.approx([1, 2, 2, 3])


def test_leading_is_moved_by_the_offset_that_the_pipeline_takes(sd15_folder, sdxl_folder, tmp_path):
    folder = copy(sdxl_folder, tmp_path)
    edit_json(folder / CONFIG, steps_offset=0, timestep_spacing="leading", set_alpha_to_one=True)
    pipeline = load_pipeline(StableDiffusionXLPipeline, folder)
    theirs = run_diffusers(pipeline, DDIMScheduler.from_config(pipeline.scheduler.config), 10)
    teacher = build(folder)
    assert torch.equal(run_ours(teacher, "ddim", "leading", 10, "clean"), theirs)
    grid = make_grid(teacher.schedule, "leading", 10, "t0")
    # The last evaluation would be at the end itself.
    assert (grid.times[0], grid.times[-1], grid.num_steps) == (900, 0, 9)
    # diffusers changes that of Stable Diffusion to 1, and says so.
    folder = copy(sd15_folder, tmp_path, "sd15")
    edit_json(folder / CONFIG, steps_offset=0)
    assert make_grid(build(folder).schedule, "leading", 10, "clean").times[0] == 901


def test_the_offset_of_leading_is_part_of_the_recipe(sdxl_folder, tmp_path):
    def plan_of(name: str, **config: int) -> tuple[Plan, DiscreteSchedule]:
        folder = copy(sdxl_folder, tmp_path, name)
        edit_json(folder / CONFIG, **config)
        asked = {"model": str(folder), "executor": "serial", "num_samples": 2, "steps": 10}
        out = str(tmp_path / f"{name}-pairs")
        store, _, _ = plan_ode({**asked, "spacing": "leading", "out": out})
        return read_plan(store), build(folder).schedule

    usual, schedule = plan_of("usual")
    assert "steps_offset" not in usual.recipe and grid_of(usual, schedule).times[0] == 901
    other, schedule = plan_of("other", steps_offset=0)
    assert other.recipe["steps_offset"] == 0 and grid_of(other, schedule).times[0] == 900
    # A set of before the config was read keeps the times that it was begun with.
    recipe = {name: value for name, value in other.recipe.items() if name != "steps_offset"}
    assert grid_of(replace(other, recipe=recipe), schedule).times[0] == 901
