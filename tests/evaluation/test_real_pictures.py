"""Statistics of real pictures: the file, the distance, the packaged ones."""

import re

import numpy as np
import pytest
from safetensors.numpy import save_file

from pairgen.errors import ConfigError
from pairgen.evaluation.frechet import statistics
from pairgen.evaluation.judge import JUDGE_VERSION, load_statistics
from pairgen.evaluation.real_pictures import RealPictures, load_real_pictures, save_real_pictures

PACKAGED = "package:assets/judge/tiny_prompts.safetensors"


def features_of(num, shift=0.0, seed=0):
    return np.random.default_rng(seed).standard_normal((num, 64)).astype(np.float32) + shift


def test_what_is_written_is_read_and_measures(tmp_path):
    real = RealPictures(statistics=statistics(features_of(4000)), floors={64: 0.5, 128: 0.25})
    path = tmp_path / "real.safetensors"
    save_real_pictures(path, real)
    found = load_real_pictures(str(path))
    assert (found.floors, found.statistics.count) == ({64: 0.5, 128: 0.25}, 4000)
    assert (found.floor(128), found.floor(129)) == (0.25, None)
    assert np.array_equal(found.statistics.cov, real.statistics.cov)
    # Equal covariances: the squared distance of the means.
    assert found.distance(features_of(4000)) == pytest.approx(0, abs=1e-9)
    assert found.distance(features_of(4000, shift=2.0)) == pytest.approx(64 * 4, rel=1e-3)


def test_the_packaged_floor_falls_with_the_count_and_they_are_not_the_judge_s_own():
    found = load_real_pictures(PACKAGED)
    assert found.statistics.mean.shape == (64,)
    assert found.statistics.count == 10_240
    assert list(found.floors) == [128, 256, 512, 1024, 2048]
    distances = list(found.floors.values())
    assert distances == sorted(distances, reverse=True)
    assert 0 < distances[-1] < 0.05
    # Of 32 captions, not of all: another distribution.
    assert np.abs(found.statistics.mean - load_statistics().mean).max() > 0.05


def test_what_is_no_such_file_is_one_sentence(tmp_path):
    wrong = tmp_path / "wrong.safetensors"
    save_file({"mean": np.zeros(3)}, wrong)
    text = tmp_path / "text.safetensors"
    text.write_text("nothing")
    flat = tmp_path / "flat.safetensors"
    arrays = {
        "mean": np.zeros(64),
        "cov": np.eye(64),
        "count": np.array(5),
        "judge_version": np.array(JUDGE_VERSION),
        "floor_counts": np.zeros(0),
        "floor": np.zeros(0),
    }
    save_file({**arrays, "mean": np.zeros(3), "cov": np.zeros((2, 3))}, flat)
    broken = {
        "uneven": {"floor": np.zeros(2)},
        "older": {"judge_version": np.array(1)},
        "small": {"mean": np.zeros(3), "cov": np.eye(3)},
        "nan": {"cov": np.full((64, 64), np.nan)},
    }
    for name, change in broken.items():
        save_file({**arrays, **change}, tmp_path / f"{name}.safetensors")
    for location, told in (
        (str(tmp_path / "none"), "There are no statistics of real images"),
        ("package:assets/none", "There are no statistics of real images"),
        (str(wrong), "holds no statistics of real images"),
        (str(text), "holds no statistics of real images"),
        (str(tmp_path / "uneven.safetensors"), "holds no statistics of real images"),
        (str(tmp_path / "older.safetensors"), "is for version 1 of the evaluation net"),
        (str(tmp_path / "small.safetensors"), "must be 64 finite numbers"),
        (str(tmp_path / "nan.safetensors"), "must be 64 finite numbers"),
        (str(flat), r"must be [D] and [D, D], got [3] and [2, 3]"),
    ):
        with pytest.raises(ConfigError, match=re.escape(told)):
            load_real_pictures(location)
