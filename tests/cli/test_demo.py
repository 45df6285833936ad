"""The demo ends with a page and a picture that show what was made."""

import base64
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

from tests.pages.offline import check_offline
from tests.runs import run


def test_the_demo_makes_verifies_measures_and_shows_pictures(tmp_path: Path) -> None:
    result = run("demo", out=tmp_path / "demo", num_samples=4, steps=4, train_steps=2)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"Report: {tmp_path / 'demo/report.html'}"
    assert [line[:4] for line in result.stdout.splitlines() if re.match(r"\d/6 ", line)] == [
        f"{stage}/6 " for stage in (1, 2, 3, 4, 5, 6)
    ]
    page = (tmp_path / "demo/report.html").read_text(encoding="utf-8")
    assert "verify: clean" in page and "a 3d red apple on a white background" in page
    assert re.search(r"\d+ % of 4 images fit their own prompt better than the other 3", page)
    assert re.search(r"[\d.]+ between noises of one prompt, [\d.]+ between prompts", page)
    pictures = re.findall(r'<img src="data:image/png;base64,([^"]+)"', page)
    # The pairs, sixteen noises, two prompts at four guidance scales, four photographs, and the
    # teacher twice beside the student for each of the pairs.
    assert len(pictures) == 4 + 16 + 8 + 4 * 4 + 4 * 3
    # Nothing is fetched.
    check_offline(page)
    arrays = [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in pictures]
    # As they are: the teacher's are of 64 px, the levels enlarged to the size of HR.
    assert [array.shape for array in arrays] == (
        [(64, 64, 3)] * 28 + [(128, 128, 3)] * 16 + [(64, 64, 3)] * 12
    )
    assert all(array.std() > 5 for array in arrays)
    # The first pair, its noise and its guidance are shown in three grids, and all pairs again
    # beside the student.
    assert len({array.tobytes() for array in arrays}) >= len(arrays) - 2 - 4
    for pair, (teacher, one_step, student) in enumerate(
        zip(*[iter(arrays[-12:])] * 3, strict=True)
    ):
        np.testing.assert_array_equal(teacher, arrays[pair])
        assert not np.array_equal(one_step, student)
    for name in ("teacher, 4 steps", "teacher, 1 step", "student, 1 step"):
        assert page.count(name) >= 4
    assert (tmp_path / "demo/student/eval/index.html").is_file()
    # Eight columns of 64 px with 4 px between them.
    with Image.open(tmp_path / "demo/grid.png") as grid:
        assert grid.size == (8 * 64 + 7 * 4, 64)

    # Run again, the demo takes what is there, the student too.
    trained = (tmp_path / "demo/student/record.json").read_bytes()
    again = run("demo", out=tmp_path / "demo", num_samples=4, steps=4, train_steps=2)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "demo/student/record.json").read_bytes() == trained


def test_one_sample_is_too_few_and_nothing_is_written(tmp_path: Path) -> None:
    result = run("demo", out=tmp_path / "demo", num_samples=1)
    assert result.returncode == 2
    assert "num_samples must be an integer >= 2, got 1" in result.stderr
    assert not (tmp_path / "demo").exists()
