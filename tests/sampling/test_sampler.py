"""Walking a batch down a grid."""

import pytest
import torch
from torch import Tensor

from pairgen.sampling.grid import Grid, make_grid
from pairgen.sampling.names import ENDS
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.teachers._mixture import Mixture
from pairgen.teachers.gaussian import GaussianTeacher

TEACHER = GaussianTeacher(
    Mixture(latent_shape=(2, 4, 4)), device=torch.device("cpu"), negative_prompt=""
)
PROMPTS = ["a red fox", "a blue car", "", "rain over hills"]
GUIDANCE = torch.tensor([1.0, 3.0, 7.5, 7.5])


def predict_for(rows: slice):
    conditioning = TEACHER.encode_prompts(PROMPTS)[rows]

    def predict(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        assert t.shape == (len(x),)
        assert t.dtype == torch.float64
        return TEACHER.predict(x, t, conditioning, GUIDANCE[rows])

    return predict


def make_noise(dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(len(PROMPTS), *TEACHER.latent_shape, generator=generator).to(dtype)


def grid_of(steps: int, end: str = "t0") -> Grid:
    return make_grid(TEACHER.schedule, "trailing", steps, end, insert=(749, 249))


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_path_holds_the_asked_states_in_order_and_noise_first(solver, end):
    grid = grid_of(10, end)
    noise = make_noise()
    every_state = [noise]
    every_state += SOLVERS[solver](
        lambda x, i: predict_for(slice(None))(
            x, torch.full((len(x),), grid.times[i], dtype=torch.float64)
        ),
        noise,
        grid.alphas,
        grid.sigmas,
    )
    indices = [grid.index_of(time) for time in (999, 749, 249)]
    latent, path = sample(predict_for(slice(None)), noise, grid, SOLVERS[solver], indices)
    assert path.shape == (len(PROMPTS), 3, *TEACHER.latent_shape)
    assert torch.equal(path[:, 0], noise)
    assert torch.equal(path, torch.stack([every_state[i] for i in indices], dim=1))
    assert torch.equal(latent, every_state[-1])


def test_without_asked_states_there_is_no_path():
    latent, path = sample(predict_for(slice(None)), make_noise(), grid_of(5), SOLVERS["ddim"])
    assert path is None
    assert latent.shape == (len(PROMPTS), *TEACHER.latent_shape)


def test_a_path_does_not_change_the_latent():
    grid, noise, solver = grid_of(10), make_noise(), SOLVERS["dpmpp_2m"]
    plain, _ = sample(predict_for(slice(None)), noise, grid, solver)
    with_path, _ = sample(predict_for(slice(None)), noise, grid, solver, path_indices=(0, 3))
    assert torch.equal(plain, with_path)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_state_keeps_the_dtype_of_the_noise(solver, dtype):
    latent, path = sample(
        predict_for(slice(None)), make_noise(dtype), grid_of(5), SOLVERS[solver], (0, 2)
    )
    assert latent.dtype == path.dtype == dtype


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_sample_does_not_depend_on_its_batch(solver):
    noise, grid = make_noise(), grid_of(10)
    together, _ = sample(predict_for(slice(None)), noise, grid, SOLVERS[solver])
    for row in range(len(PROMPTS)):
        rows = slice(row, row + 1)
        alone, _ = sample(predict_for(rows), noise[rows], grid, SOLVERS[solver])
        torch.testing.assert_close(together[rows], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("solver", SOLVERS)
def test_sampling_twice_gives_equal_bits_and_leaves_the_noise_alone(solver):
    noise, grid = make_noise(), grid_of(10)
    before = noise.clone()
    first, _ = sample(predict_for(slice(None)), noise, grid, SOLVERS[solver])
    second, _ = sample(predict_for(slice(None)), noise, grid, SOLVERS[solver])
    assert torch.equal(first, second)
    assert torch.equal(noise, before)


def test_sampling_builds_no_graph():
    weight = torch.ones((), requires_grad=True)

    def predict(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return weight * x, weight * x

    latent, _ = sample(predict, make_noise(), grid_of(5), SOLVERS["ddim"])
    assert not latent.requires_grad
