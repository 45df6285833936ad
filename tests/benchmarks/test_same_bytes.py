"""What `same_bytes` calls different: everything but what the clock decides."""

import json
from pathlib import Path

import pytest
import same_bytes

RECEIPT = {"count": 4, "made": {"device": "cpu", "seconds": 1.5}, "sha256": "ab"}
CARD = """\
| set | samples | fingerprint | evaluations | seconds |
|---|---|---|---|---|
| pairs | 6 | `6865e400c0ef594d` | 1,024 | {seconds} |
| samples_per_second | {speed} |
| worker seconds | {seconds} |
3 steps of 2 samples on 1 x cpu:
{seconds} s.
"""


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two runs of one command, that took other times."""
    for name, seconds, speed in (("old", "1", "37.5"), ("new", "2,000", "4e-05")):
        root = tmp_path / name
        (root / "shards").mkdir(parents=True)
        made = {**RECEIPT["made"], "seconds": float(seconds.replace(",", ""))}
        (root / "shards/00000.json").write_text(json.dumps({**RECEIPT, "made": made}))
        (root / "README.md").write_text(CARD.format(seconds=seconds, speed=speed))
        (root / "metrics.jsonl").write_text(f'{{"step": 1, "data_wait": {speed}}}\n')
        (root / "00000.tar").write_bytes(b"\xff\x00")
    return tmp_path / "old", tmp_path / "new"


def test_what_the_clock_decides_is_no_difference(folders: tuple[Path, Path]) -> None:
    assert same_bytes.compare(*folders) == same_bytes.Compared(4, (), ())


def test_every_other_difference_is_named(folders: tuple[Path, Path]) -> None:
    _, new = folders
    (new / "00000.tar").write_bytes(b"\xff\x01\x00")
    (new / "shards/00000.json").write_text(json.dumps({**RECEIPT, "count": 5}))
    with (new / "README.md").open("a") as card:
        card.write("more\n")
    (new / "metrics.jsonl").unlink()
    (new / "strange").touch()
    found = same_bytes.compare(*folders)
    assert found.num_equal == 0
    told = dict(found.different)
    assert told["00000.tar"] == "2 bytes, now 3 others"
    assert told["shards/00000.json"].startswith('line 1: {"count": 4')
    assert told["README.md"] == "7 lines, now 8"
    assert told["metrics.jsonl"] == "is not written any more"
    assert told["strange"] == "is new"
