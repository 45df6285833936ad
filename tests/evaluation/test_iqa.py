"""How pyiqa's metrics are called. pyiqa needs torchvision and never ran here: a stand-in with its
documented calls takes its place.
"""

import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pairgen.errors import ConfigError
from pairgen.evaluation.iqa import load_iqa


class Metric:
    """What `pyiqa.create_metric` returns, as far as it is used."""

    def __init__(self, name: str, mode: str, lower_better: bool) -> None:
        self.name, self.metric_mode, self.lower_better = name, mode, lower_better

    def __call__(self, target, ref=None, **options) -> torch.Tensor:
        if self.name == "fid":
            assert options == {"verbose": False}
            return torch.tensor(float(np.abs(folder_mean(target) - folder_mean(ref))))
        for each in (target, *([] if ref is None else [ref])):
            assert each.shape[:2] == (1, 3) and each.min() >= 0 and each.max() <= 1
        if self.metric_mode == "NR":
            assert ref is None
            return target.mean()[None, None]
        return (target - ref).abs().mean()[None]


def folder_mean(folder: str) -> np.ndarray:
    return np.mean([np.asarray(Image.open(path)) for path in sorted(Path(folder).iterdir())])


METRICS = {"lpips": ("FR", True), "musiq": ("NR", False), "fid": ("NR", True)}


@pytest.fixture
def pyiqa(monkeypatch) -> None:
    module = types.ModuleType("pyiqa")
    module.__version__ = "0.1.13"
    module.list_models = lambda: sorted(METRICS)
    module.create_metric = lambda name, device: Metric(name, *METRICS[name])
    monkeypatch.setitem(sys.modules, "pyiqa", module)


def test_each_metric_gets_what_it_takes(pyiqa):
    rng = np.random.default_rng(0)
    pictures, references = rng.integers(0, 256, (2, 3, 8, 10, 3), np.uint8)
    version, metrics = load_iqa(["lpips", "musiq", "fid"], torch.device("cpu"))
    assert version == "0.1.13"
    assert [each.lower_is_better for each in metrics] == [True, False, True]
    assert [each.is_of_sets for each in metrics] == [False, False, True]
    lpips, musiq, fid = (each.scores(pictures, references) for each in metrics)
    difference = np.abs(pictures.astype(float) - references)
    np.testing.assert_allclose(lpips, difference.mean(axis=(1, 2, 3)) / 255, rtol=1e-5)
    np.testing.assert_allclose(musiq, pictures.mean(axis=(1, 2, 3)) / 255, rtol=1e-5)
    np.testing.assert_allclose(fid, abs(pictures.mean() - references.mean()), rtol=1e-5)


def test_a_metric_that_there_is_not(pyiqa):
    with pytest.raises(ConfigError, match=r"pyiqa has no metric 'lpip' \(did you mean 'lpips'"):
        load_iqa(["lpip"], torch.device("cpu"))


def test_without_pyiqa_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    with pytest.raises(ConfigError, match=r"iqa needs pyiqa: pip install 'pairgen\[iqa\]' \("):
        load_iqa(["lpips"], torch.device("cpu"))
