"""Numbers and names as a user reads them."""

import ast
import re
from pathlib import Path

from pairgen.wording import counted, label_text

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
