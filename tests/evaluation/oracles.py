"""PSNR and SSIM of other libraries: BasicSR 1.4.2 and scikit-image, as `make env` fetches them."""

import sys
import types
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest

from tests.degradations.oracle import basicsr

SCIKIT_IMAGE = Path(sys.prefix) / "oracle" / "scikit-image"


@cache
def basicsr_metrics() -> types.ModuleType:
    """Return BasicSR's module of `calculate_psnr` and `calculate_ssim`, which take BGR."""
    colours = basicsr("utils/color_util")
    names = ("basicsr", "basicsr.metrics")
    found = {name: types.ModuleType(name) for name in names}
    found |= {"basicsr.utils": colours, "basicsr.utils.color_util": colours}
    found["basicsr.utils.registry"] = basicsr("utils/registry")
    with patch.dict(sys.modules, found):
        sys.modules["basicsr.metrics.metric_util"] = basicsr("metrics/metric_util")
        return basicsr("metrics/psnr_ssim")


@cache
def scikit_metrics() -> types.ModuleType:
    """Return scikit-image's module of `structural_similarity`."""
    if not SCIKIT_IMAGE.is_dir():
        pytest.skip("scikit-image was not fetched")
    with patch.object(sys, "path", [str(SCIKIT_IMAGE), *sys.path]):
        from skimage import metrics

        # Its functions are loaded when they are first asked for.
        assert metrics.structural_similarity and metrics.peak_signal_noise_ratio
    return metrics
