"""Large pictures: no seams, and memory that the tile bounds."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pairgen.config import packaged_assets
from pairgen.jobs.restore.restorer import Restorer
from pairgen.sampling.tiles import Tiling
from tests import true_classes
from tests.jobs.restore.conftest import write_student

# Pixels a latent of `tiny`.
FACTOR = 4
# Restores a picture of the given size, and prints the peak of the process in bytes.
MEASURE = """
import sys
from pathlib import Path
import numpy as np
import torch
import pairgen
torch.set_num_threads(1)
width, height = map(int, sys.argv[2:])
restorer = pairgen.Restorer(sys.argv[1], overlap=8, vae_overlap=8, color_fix="wavelet")
picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
assert restorer(picture).shape == (4 * height, 4 * width, 3)
print(1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]))
"""


def seam_energy(picture: np.ndarray, tiling: Tiling) -> float:
    """Return the mean squared gradient where a tile begins or ends, in times of that elsewhere."""
    seams, others = [], []
    for axis in (0, 1):
        gradients = np.diff(picture.astype(float), axis=axis) ** 2
        energy = np.moveaxis(gradients, axis, 0).reshape(len(np.moveaxis(gradients, axis, 0)), -1)
        spans = tiling.spans(picture.shape[axis] // FACTOR)
        edges = {FACTOR * edge for span in spans for edge in (span.start, span.stop)}
        at_seam = np.isin(np.arange(1, picture.shape[axis]), list(edges))
        seams.append(energy[at_seam].mean())
        others.append(energy[~at_seam].mean())
    return sum(seams) / sum(others)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_tiles_leave_no_seams(tmp_path: Path):
    """As much gradient across the seams as in the picture that has none, at the same places.

    The picture without tiles is what the interior is: the decoder's own grid of latents has more
    gradient at every edge of a latent, where seams lie too.
    """
    sampling = {"steps": 1, "solver": "ddim", "spacing": "20", "end": "clean"}
    student = write_student(tmp_path / "student", "package:assets/tiny", sampling)
    photograph = Image.open(packaged_assets() / "photographs/honey-bee.jpg").resize((256, 192))

    def restored(**tiles: int) -> np.ndarray:
        return Restorer(student, color_fix="none", **tiles)(np.asarray(photograph))

    whole = restored(tile=0, vae_tile=0)
    assert whole.shape == (768, 1024, 3)

    def ratio(size: int, overlap: int) -> float:
        tiling = Tiling(size, overlap)
        tiles = {"tile": size, "overlap": overlap, "vae_tile": size, "vae_overlap": overlap}
        return seam_energy(restored(**tiles), tiling) / seam_energy(whole, tiling)

    assert ratio(96, 32) <= 1.05
    assert ratio(96, 0) > 1.2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_large_picture_takes_memory_for_its_pixels_only(tmp_path: Path):
    """About 33 bytes for each pixel of the result; without tiles it takes hundreds."""
    location = true_classes.write_narrow(tmp_path / "model")
    student = write_student(tmp_path / "student", location)

    # glibc keeps freed blocks below a threshold that grows as it goes, so that the same picture
    # measured 34 to 54 bytes a pixel. With a fixed threshold it gives large blocks back at once:
    # what is measured is what a restoration holds.
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": str(2**16)}

    def peak(width: int, height: int) -> int:
        line = [sys.executable, "-c", MEASURE, str(student), str(width), str(height)]
        done = subprocess.run(line, capture_output=True, check=True, text=True, env=environment)
        return int(done.stdout)

    # Two tiles along each axis, and 6 megapixels.
    small, large = (320, 320), (640, 640)
    pixels = 16 * (large[0] * large[1] - small[0] * small[1])
    assert (peak(*large) - peak(*small)) / pixels < 45
