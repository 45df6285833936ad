"""The page of all five methods takes what the five studies train."""

import five_methods
import pytest

ENTRIES = {entry.name: entry for table in five_methods.TABLES.values() for entry in table.entries}


@pytest.mark.parametrize("name", ENTRIES)
def test_every_student_is_one_of_its_study(name: str) -> None:
    entry = ENTRIES[name]
    known = {**entry.study.ARMS, **getattr(entry.study, "TRAININGS", {})}
    assert entry.trained in known
    assert max(entry.study.options_of([]).steps) > 0


def test_all_five_methods_are_there() -> None:
    assert {entry.study.__name__ for entry in ENTRIES.values()} >= {
        *("ladd", "add", "osediff", "yonos", "codi")
    }
