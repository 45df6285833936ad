"""Numbers and names as a user reads them."""

import ast
import re
from pathlib import Path

from pairgen.wording import (
    counted,
    label_text,
    part_text,
    percent_text,
    size_text,
    typed_text,
)

PACKAGE = Path(__file__).parent.parent / "pairgen"


def test_one_is_singular_and_all_others_are_plural() -> None:
    assert [counted(num, "shard") for num in (0, 1, 2, 1024)] == [
        *("0 shards", "1 shard", "2 shards", "1,024 shards")
    ]
    assert counted(1, "entry", "entries") == "1 entry"
    assert counted(3, "image was", "images were") == "3 images were"


def test_names_of_fields_become_words() -> None:
    assert label_text("batch_size") == "batch size"
    assert label_text("num_modes") == "modes"
    assert label_text("cpu_threads") == "CPU threads"
    assert label_text("device") == "device"


def test_no_message_leaves_the_plural_to_the_reader() -> None:
    """`step(s)` and the like: `counted` chooses."""
    found = [
        f"{path.name}: {node.value}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"[a-z]{3}\((s|es)\)", node.value)
    ]
    assert not found


def test_sizes_shares_and_parts_are_told_as_people_read_them() -> None:
    assert [size_text(num) for num in (0, 4_200, 49_999)] == ["0.0 kB", "4.2 kB", "50.0 kB"]
    assert [size_text(num) for num in (50_000, 12_345_678)] == ["0.1 MB", "12.3 MB"]
    assert [size_text(num) for num in (999_900_000, 2_340_000_000)] == ["999.9 MB", "2.3 GB"]
    assert [percent_text(share) for share in (0, 0.375, 1 / 3, 1)] == [
        "0 %",
        "37.5 %",
        "33.3 %",
        "100 %",
    ]
    assert part_text(1, 1, "shard") == "1 of 1 shard"
    assert part_text(3, 1024, "sample") == "3 of 1,024 samples"


def test_values_of_options_are_told_as_they_are_typed() -> None:
    assert [typed_text(each) for each in (4.0, [4.0], [3.0, 8.5], ["hr", "lr4"])] == [
        "4",
        "4",
        "3,8.5",
        "hr,lr4",
    ]
    assert [typed_text(each) for each in ("", [], 12, True)] == ["''", "''", "12", "True"]
    assert typed_text([{"blur": 1}]) == "[{'blur': 1}]"
