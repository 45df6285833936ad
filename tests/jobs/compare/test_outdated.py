"""A model that is another now in the same place: its row is not shown as if it were its own."""

import json
import shutil
from pathlib import Path

import pytest

from tests.jobs.compare.conftest import change

OPTIONS = ("--data=held", "--out=out", "--teacher-steps=")


@pytest.fixture
def compare(desk, call):
    """Compare models; return the names of the rows but the end points, and what is told."""

    def run(*models: str) -> tuple[list[str], str]:
        code, out, err = call(desk, "compare", *models, *OPTIONS)
        assert code == 0, err
        rows = json.loads((desk / "out/compare.json").read_text())["rows"]
        assert all(row["name"] in out for row in rows)
        return [row["name"] for row in rows[1:]], err

    return run


def test_a_row_is_left_out_until_its_model_is_measured_again(desk, compare):
    compare("one.yaml@1,2", "two.yaml@1")
    before = (desk / "out/compare.json").read_text()
    kept = (desk / "two.yaml").read_text()
    change(desk / "two.yaml")
    names, err = compare("one.yaml@1")
    assert names == ["one.yaml, 1 step", "one.yaml, 2 steps"]
    assert f"{desk}/two.yaml has other weights now" in err and "give it as a RUN" in err
    assert "two.yaml" not in (desk / "out/index.html").read_text(encoding="utf-8")
    # The weights of before are there again, and so is their row.
    after = (desk / "two.yaml").read_text()
    (desk / "two.yaml").write_text(kept)
    _, err = compare("one.yaml@1")
    assert "2 of 2 rows are done" in err and "other weights" not in err
    assert (desk / "out/compare.json").read_text() == before
    (desk / "two.yaml").write_text(after)
    names, err = compare("two.yaml@1")
    assert "1 of 2 rows are done" in err and "other weights" not in err
    assert names == ["two.yaml, 1 step", "one.yaml, 1 step", "one.yaml, 2 steps"]
    names, err = compare("one.yaml@1")
    assert "two.yaml, 1 step" in names and "other weights" not in err


def test_other_steps_of_a_changed_model_are_left_out_too(desk, compare):
    compare("one.yaml@1,2")
    change(desk / "one.yaml")
    names, err = compare("one.yaml@1")
    assert names == ["one.yaml, 1 step"] and err.count("has other weights now") == 1
    names, err = compare("one.yaml@1,2")
    assert names == ["one.yaml, 1 step", "one.yaml, 2 steps"] and "2 of 3 rows are done" in err


def test_a_moved_model_is_not_shown_by_the_name_of_another(desk, compare):
    compare("one.yaml@1")
    shutil.copy(desk / "one.yaml", desk / "moved.yaml")
    change(desk / "one.yaml")
    names, err = compare("moved.yaml@1")
    assert names == ["moved.yaml, 1 step"] and "one.yaml has other weights now" in err


def test_what_is_not_there_or_not_readable_keeps_its_row(desk, compare):
    compare("one.yaml@1", "two.yaml@1")
    (desk / "two.yaml").write_text("teacher: gaussian\n")
    names, err = compare("one.yaml@1")
    assert "two.yaml, 1 step" in names
    assert "two.yaml is kept as measured, because its weights cannot be read: The model" in err
    Path(desk / "two.yaml").unlink()
    names, err = compare("one.yaml@1")
    assert "two.yaml, 1 step" in names and "two.yaml" not in err
