"""A student that is the end point scores zero; costs are counted."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pairgen.errors import ConfigError, PairgenError
from pairgen.evaluation.pair_distance import relative_rms
from pairgen.judging.from_text.held_out import HeldOut, read_held_out
from pairgen.judging.from_text.measured import shown_places
from pairgen.judging.from_text.sampled import Sampling, evaluations_of, sample_pairs
from pairgen.model_config import find_model
from pairgen.sampling.conditioning import Conditioning
from pairgen.teachers import gaussian
from tests.small_sets import make_plan, write_set

ONE_STEP = Sampling(name="student", steps=1, solver="ddim", spacing="trailing", end="clean")


class Oracle:
    """Predicts the stored end point of a noise; notes what it is told."""

    def __init__(self, pairs: HeldOut) -> None:
        options = find_model("gaussian").options
        self.device = torch.device("cpu")
        self.schedule = gaussian.describe(location="", **options).schedule
        self.max_prompt_tokens = 10**6
        self.answers = dict(
            zip((noise.tobytes() for noise in pairs.noises), pairs.latents, strict=True)
        )
        self.told: list[list[float] | None] = []

    def count_tokens(self, prompts):
        return [1] * len(prompts)

    def encode_prompts(self, prompts):
        return Conditioning({"lengths": torch.tensor([len(prompt) for prompt in prompts])})

    def predict(self, x, t, conditioning, guidance):
        assert len(conditioning) == len(x) == len(t)
        self.told.append(None if guidance is None else guidance.tolist())
        x0 = np.stack([self.answers[noise.numpy().tobytes()] for noise in x])
        return torch.from_numpy(x0), torch.zeros_like(x)


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("pairs") / "set"
    write_set(folder, make_plan(guidance_scales=(3.0, 8.0)))
    return str(folder)


@pytest.fixture
def pairs(url) -> HeldOut:
    return read_held_out(url, "", 10)


def test_a_student_that_is_the_end_point_is_at_distance_zero_at_any_batch_size(pairs):
    for batch_size in (1, 4, 10, 16):
        advanced = []
        made = sample_pairs(Oracle(pairs), ONE_STEP, pairs, batch_size, advanced.append)
        assert np.array_equal(made.latents, pairs.latents)
        assert relative_rms(made.latents, pairs.latents).tolist() == [0] * 10
        # Guidance takes two evaluations.
        assert sum(advanced) == 20 and made.seconds > 0


def test_what_the_network_is_told_decides_what_a_picture_costs(pairs):
    def run(**changes):
        oracle = Oracle(pairs)
        sampling = replace(ONE_STEP, **changes)
        made = sample_pairs(oracle, sampling, pairs, 10, lambda _: None)
        assert made.evaluations == evaluations_of(oracle.schedule, sampling, pairs)
        return oracle.told, made.evaluations

    scales = [3.0, 8.0] * 5
    assert run() == ([scales], 2)
    assert run(told=True) == ([scales], 1)
    assert run(guidance_scale=1.0) == ([None], 1)
    assert run(guidance_scale=5.0) == ([[5.0] * 10], 2)


def test_steps_that_do_not_fit_and_what_is_not_finite_are_refused(pairs):
    oracle = Oracle(pairs)
    with pytest.raises(ConfigError, match="steps must be"):
        sample_pairs(oracle, replace(ONE_STEP, steps=5000), pairs, 10, lambda _: None)
    oracle.answers[pairs.noises[6].tobytes()][0, 0, 0] = np.nan
    with pytest.raises(
        PairgenError, match=r"student produced NaN or infinity for sample 000000006"
    ):
        sample_pairs(oracle, ONE_STEP, pairs, 4, lambda _: None)


def test_eight_prompts_are_shown_and_none_twice_where_there_are_enough():
    prompts = [f"{i % 9}" for i in range(30)]
    assert shown_places(prompts) == list(range(8))
    assert shown_places(["a", "a", "b", "a", "b"]) == [0, 1, 2, 3, 4]
    assert shown_places(["a"] * 9 + ["b"]) == [0, 1, 2, 3, 4, 5, 6, 9]
