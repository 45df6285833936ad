"""`pairgen inspect --where` reads columns of annotations, as the Loader does."""

import logging
from pathlib import Path

import pytest

import pairgen
from pairgen.errors import ConfigError
from pairgen.jobs.inspect.run import run_inspect
from pairgen.shards.format import layout
from pairgen.shards.storage.store import open_store


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A set of 12 crops in shards of 4, with masks."""
    root = tmp_path / "set"
    shards = {"samples_per_image": 3, "samples_per_shard": 4, "executor": "serial"}
    pairgen.degrade(scales="2", crop=64, out=str(root), **shards)
    pairgen.annotate(root, add="mask", executor="serial")
    return root


def by_loader(root: Path, where: str) -> set[str]:
    loader = pairgen.Loader(root, fields=["png"], facts=["mask_share"], batch_size=1, where=where)
    return {key for batch in loader for key in batch.keys}


def test_the_column_of_an_annotation_counts_what_the_loader_reads(pictures: Path) -> None:
    loader = pairgen.Loader(pictures, fields=["png"], facts=["mask_share"], batch_size=1)
    middle = sorted(float(batch.facts["mask_share"][0]) for batch in loader)[5]
    where = f"mask_share >= {middle!r} and index >= 1"
    keys = by_loader(pictures, where)
    found = run_inspect(pictures, where=where)
    assert found.data["where"] == {
        "condition": where,
        "num_samples": len(keys),
        "num_left_out": 0,
    }
    assert 0 < len(keys) < 12
    page = pairgen.report(pictures, where=where).page.read_text(encoding="utf-8")
    assert all(key in page for key in keys)
    assert f"All {len(keys)} sample" in page


def test_the_grid_shows_the_samples_that_match(pictures: Path, tmp_path: Path) -> None:
    pairgen.inspect(pictures, where="mask_share > -1", grid=str(tmp_path / "all.png"), num=12)
    pairgen.inspect(pictures, grid=str(tmp_path / "plain.png"), num=12)
    read = [(tmp_path / name).read_bytes() for name in ("all.png", "plain.png")]
    assert read[0] == read[1]


def test_samples_that_the_annotation_lacks_do_not_match_and_are_told(
    pictures: Path, caplog: pytest.LogCaptureFixture
) -> None:
    overlay = open_store(f"{pictures}.annotations/mask")
    for path in (layout.receipt_path(1), layout.shard_path(1), layout.index_path(1)):
        overlay.remove(path)
    with caplog.at_level(logging.WARNING, "pairgen"):
        found = run_inspect(pictures, where="mask_share > -1")
    assert (found.data["where"]["num_samples"], found.data["where"]["num_left_out"]) == (8, 4)
    assert "4 of 12 samples have no mask.png" in caplog.text
    # The set's own columns need no annotation.
    assert run_inspect(pictures, where="index < 100").data["where"]["num_samples"] == 12


def test_a_column_that_nobody_has_is_refused(pictures: Path) -> None:
    with pytest.raises(ConfigError, match="has no column 'mask_shar'"):
        run_inspect(pictures, where="mask_shar > 0")
