"""A set that grows leaves its annotations behind: every command that sees it names what to run."""

from pathlib import Path

from tests.runs import run_many


def test_the_command_that_catches_up_is_named(tmp_path: Path) -> None:
    paint = ("collect", "--images", "package:painted", "--size", "32", "--samples-per-shard", "4")
    grow = (*paint, "--executor", "serial", "--out", "set", "--num-images")
    edges = ("annotate", "set", "--add", "canny", "--executor", "serial")
    catch_up = f"pairgen annotate {tmp_path / 'set'} --add canny"
    lag = f"4 samples of {tmp_path / 'set'} are not annotated yet: run `{catch_up}`."

    said, codes = run_many(tmp_path, (*grow, "6"), edges, ("verify", "set"))
    assert codes == [0, 0, 0], said
    assert "not annotated yet" not in said

    said, codes = run_many(tmp_path, (*grow, "10"))
    assert codes == [0], said
    assert lag in said

    said, codes = run_many(tmp_path, ("verify", "set"), ("verify", "set", "--quick"))
    # Nothing is wrong with either.
    assert codes == [0, 0], said
    assert said.count(lag) == 2
    said, codes = run_many(tmp_path, ("inspect", "set"))
    assert f"2 shards to make: run `{catch_up}`" in said

    said, codes = run_many(tmp_path, edges, ("verify", "set"), ("inspect", "set"))
    assert codes == [0, 0, 0], said
    assert "not annotated yet" not in said
    assert "up to date" in said


def test_an_overlay_elsewhere_and_one_of_texts_are_named_too(tmp_path: Path) -> None:
    texts = ("annotate", "set", "--add", "text_embedding", "--out", "mine", "--executor", "serial")
    tiny = ("ode", "--model", "tiny", "--cfg", "4", "--steps", "1", "--samples-per-shard", "4")
    make = (*tiny, "--executor", "serial", "--out", "set", "--num-samples")
    said, codes = run_many(tmp_path, (*make, "4"), texts, (*make, "8"), ("verify", "mine"))
    assert codes == [0, 0, 0, 0], said
    assert (
        f"{tmp_path / 'set'} has changed since its texts were annotated: run `pairgen annotate "
        f"{tmp_path / 'set'} --add text_embedding --out {tmp_path / 'mine'}`." in said
    )
