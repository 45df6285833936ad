"""The demo ends with a page and a picture that show what was made."""

import base64
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

from tests.runs import run


def test_the_demo_makes_pairs_verifies_them_and_shows_their_pictures(tmp_path: Path) -> None:
    result = run("demo", out=tmp_path / "demo", num_samples=4)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"Report:  {tmp_path / 'demo/report.html'}"
    page = (tmp_path / "demo/report.html").read_text(encoding="utf-8")
    assert "verify: clean" in page and "a red bicycle leaning against a yellow wall" in page
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == 4
    # Self-contained: nothing is fetched.
    assert not re.search(r'(src|href)="(?!data:)', page)
    arrays = [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in pictures]
    assert all(array.shape == (128, 128, 3) and array.std() > 5 for array in arrays)
    assert not np.array_equal(arrays[0], arrays[1])
    # Eight columns of 64 px with 4 px between them.
    with Image.open(tmp_path / "demo/grid.png") as grid:
        assert grid.size == (8 * 64 + 7 * 4, 64)
