"""The glossary is short, in order, and found from the index."""

import re

from tests.docs.pages import ROOT, read

ENTRY = re.compile(r"^- \*\*([^*]+)\*\*(.*?)(?=^- \*\*|\Z)", re.MULTILINE | re.DOTALL)
TERMS = (
    *("Adapter", "Annotation", "End point", "Fingerprint", "Grid", "Guidance", "HR, LR", "Level"),
    *("Manifest", "Moments", "Overlay", "Pair", "Plan", "Receipt", "Shard", "Slot", "Student"),
    "Teacher",
)


def test_every_word_has_a_short_entry_in_alphabetical_order() -> None:
    found = dict(ENTRY.findall(read(ROOT / "docs/glossary.md")))
    assert list(found) == sorted(found, key=str.lower)
    assert found.keys() >= set(TERMS)
    assert max(map(len, found.values())) < 320


def test_the_index_links_to_it() -> None:
    assert "(glossary.md)" in read(ROOT / "docs/index.md")
