"""The judge's figures, and what is said of those that cannot be had or mean nothing."""

import numpy as np
import pytest
import torch

from pairgen.config import packaged_configs
from pairgen.evaluation.diversity import diversity
from pairgen.evaluation.figures import (
    AGREEMENT,
    COSINE,
    DIVERSITY,
    FRECHET,
    FRECHET_REAL,
    judge_figures,
    not_meaningful,
)
from pairgen.evaluation.frechet import statistics
from pairgen.evaluation.judge import load_judge
from pairgen.evaluation.real_pictures import RealPictures

TINY = ((packaged_configs() / "prompts" / "tiny.txt").read_text()).splitlines()
EVERYDAY = ((packaged_configs() / "prompts" / "everyday.txt").read_text()).splitlines()


@pytest.fixture(scope="module")
def judge():
    return load_judge()


def features_of(judge, num: int, seed: int = 0) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    return judge.features(torch.rand(num, 3, 64, 64, generator=generator) * 2 - 1)


def test_the_judge_knows_the_words_of_its_captions_and_no_others(judge):
    assert all(judge.knows(TINY))
    assert not any(judge.knows(EVERYDAY))
    assert judge.knows(["a 3d xylograph on a white background", "", TINY[0], "a " * 40]) == [
        False,
        False,
        True,
        False,
    ]


def test_equal_pictures_have_distance_zero_and_the_floor_between_halves(judge):
    features = features_of(judge, 130)
    prompts = [TINY[row % 2] for row in range(130)]
    found = judge_figures(judge, features, features, prompts, [4.0] * 130)
    assert found.missing == {}
    assert found.values["frechet_distance"] == pytest.approx(0, abs=1e-3)
    assert found.values["frechet_distance_halves"] > 0
    expected = diversity(features, prompts)
    assert found.values["diversity_within"] == pytest.approx(expected.within)
    assert found.values["diversity_between"] == pytest.approx(expected.between)
    cosines = (judge.embed_features(features) * judge.embed_captions(prompts)).sum(1)
    assert found.values["caption_cosine"] == pytest.approx(cosines.mean())


def test_what_too_few_pictures_cannot_tell_is_none_with_a_reason(judge):
    features = features_of(judge, 64)
    found = judge_figures(judge, features, features, TINY * 2, [4.0] * 64)
    assert [name for name, value in found.values.items() if value is None] == list(FRECHET)
    assert found.missing["frechet_distance"] == "needs at least 65 pairs, has 64."
    found = judge_figures(judge, features[:32], features[:32], TINY, [4.0] * 32)
    assert set(found.missing) == {*FRECHET, *DIVERSITY}
    found = judge_figures(judge, features[:4], features[:4], TINY[:1] * 4, [4.0] * 4)
    assert set(found.missing) == {*FRECHET, *AGREEMENT, *DIVERSITY}


def test_the_distance_to_real_pictures_is_one_more_figure_when_there_are_some(judge):
    features = features_of(judge, 70)
    real = RealPictures(statistics=statistics(features_of(judge, 90, seed=1)), floors={})
    prompts = [TINY[row % 2] for row in range(70)]
    without = judge_figures(judge, features, features, prompts, [4.0] * 70)
    found = judge_figures(judge, features, features, prompts, [4.0] * 70, real)
    assert found.values == without.values | {"frechet_distance_real": real.distance(features)}
    assert found.values["frechet_distance_real"] > found.values["frechet_distance"]


def test_siblings_at_several_guidance_scales_are_not_several_noises(judge):
    features = features_of(judge, 8)
    prompts, scales = [TINY[row // 4] for row in range(8)], [1.0, 8.0] * 4
    found = judge_figures(judge, features, features, prompts, scales)
    halves = [diversity(features[i::2], prompts[i::2]) for i in (0, 1)]
    expected = np.mean([half.within for half in halves])
    assert found.values["diversity_within"] == pytest.approx(expected)
    # One noise of each prompt at two scales: nothing to measure.
    found = judge_figures(judge, features[:4], features[:4], TINY[:2] * 2, [1.0, 1.0, 8.0, 8.0])
    assert set(DIVERSITY) <= set(found.missing)


def test_pictures_and_prompts_beyond_the_net_are_told(judge):
    assert not_meaningful(judge, (64, 64), TINY) == {}
    found = not_meaningful(judge, (512, 768), TINY)
    assert set(found) == {*FRECHET, *FRECHET_REAL, *AGREEMENT, *COSINE, *DIVERSITY}
    assert "64 x 64 px, these are 768 x 512" in found["frechet_distance"]
    found = not_meaningful(judge, (32, 32), [*TINY, EVERYDAY[0]])
    assert "1 of 33 prompts" in found["caption_agreement"] and EVERYDAY[0] in str(found)
    assert "these are 32 x 32" in found["caption_agreement"]
