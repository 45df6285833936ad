"""The stand-in for what BasicSR misses; BasicSR and torchvision are small packages made here."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pairgen.basicsr_shim import import_basicsr
from pairgen.errors import ConfigError
from tests.degradations.oracle import ARCHIVE

SCRIPT = """
from pairgen.basicsr_shim import import_basicsr
assert import_basicsr() is import_basicsr()
from basicsr.degradations import random_add_gaussian_noise_pt, generate_poisson_noise_pt
import torch
print(generate_poisson_noise_pt(torch.rand(1, 3, 8, 8), 1.0, torch.ones(1)).shape)
"""


def test_without_the_extra_one_sentence_says_what_to_install():
    with pytest.raises(ConfigError, match=r"is not installed: pip install 'pairgen\[basicsr\]'"):
        import_basicsr()


def test_basicsrs_own_file_imports_where_torchvision_has_lost_its_module(tmp_path: Path):
    if not ARCHIVE.exists():
        pytest.skip("the archive of basicsr 1.4.2 was not fetched")
    with tarfile.open(ARCHIVE) as archive:
        source = archive.extractfile("basicsr-1.4.2/basicsr/data/degradations.py").read()
    (tmp_path / "basicsr").mkdir()
    (tmp_path / "basicsr/__init__.py").write_text("")
    (tmp_path / "basicsr/degradations.py").write_bytes(source)
    (tmp_path / "torchvision/transforms").mkdir(parents=True)
    (tmp_path / "torchvision/__init__.py").write_text("")
    (tmp_path / "torchvision/transforms/__init__.py").write_text("")
    (tmp_path / "torchvision/transforms/functional.py").write_text(
        "def rgb_to_grayscale(image, num_output_channels=1):\n"
        "    return image.mean(dim=-3, keepdim=True)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": f"{tmp_path}:{Path(__file__).parent.parent}"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert "[1, 3, 8, 8]" in result.stdout
