"""A command that asks for fewer samples than its set has: all are there, and nothing is done."""

from pathlib import Path

from PIL import Image

from tests.runs import QUICK_ODE, run_many, words


def content(folder: Path) -> dict[Path, tuple[bytes, int]]:
    """Return the bytes of every file, and when it was written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_the_same_command_after_the_set_has_grown_finds_all_there(tmp_path: Path) -> None:
    first = words("ode", **QUICK_ODE, out="set")
    more = words("ode", out="set", num_samples=36, executor="serial")
    said, codes = run_many(tmp_path, first, more)
    assert codes == [0, 0], said
    before = content(tmp_path)
    said, codes = run_many(tmp_path, first, words("ode", **{**QUICK_ODE, "cfg": 5}, out="set"))
    assert codes == [0, 2], said
    told = f"{tmp_path / 'set'} has 36 samples already, 30 were asked for: nothing to do."
    assert told in said.splitlines()
    assert "these differ: --cfg (was 4, got 5)" in said
    assert content(tmp_path) == before


def test_what_would_have_to_be_made_is_refused(tmp_path: Path) -> None:
    first = words("ode", **QUICK_ODE, out="set")
    said, codes = run_many(tmp_path, [*first, "--shard-range", "1/2"], [*first, "--num-samples=20"])
    # Half of 8 shards is 16 samples.
    assert codes == [0, 2], said
    assert "--num-samples can grow but not shrink (was 30, got 20)" in said
    said, codes = run_many(tmp_path, [*first, "--num-samples=16"])
    assert codes == [0], said
    told = "has the 16 samples that you ask for: nothing to do. Its plan has 30: to make the others"
    assert told in said and "of other parts" not in said
    # As it says.
    said, codes = run_many(tmp_path, ["ode", "--out", "set"])
    assert codes == [0] and "30 of 30 samples" in said


def test_images_that_were_there_first_are_enough(tmp_path: Path) -> None:
    for folder, number in (("a", 1), ("a", 2), ("b", 3)):
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.new("RGB", (64, 64), (80 * number, 0, 0)).save(tmp_path / f"{folder}/{number}.png")
    first = ["degrade", "--images", "a", "--crop", "32", "--scales", "2", "--out", "set"]
    more = [*first, "--images", "b", "--samples-per-image", "2"]
    said, codes = run_many(tmp_path, first, more)
    assert codes == [0, 0], said
    before = content(tmp_path)
    mixed = [*first, "--samples-per-image", "3"]
    fewer = ["degrade", "--out", "set", "--samples-per-image", "1"]
    said, codes = run_many(tmp_path, first, fewer, mixed)
    assert codes == [0, 0, 2], said
    folder = tmp_path / "set"
    assert f"{folder} has 3 images already, 2 were asked for: nothing to do." in said
    assert f"{folder} has 2 samples of each image already, 1 was asked for: nothing" in said
    assert content(tmp_path) == before
