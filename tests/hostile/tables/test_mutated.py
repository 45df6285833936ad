"""Damaged tables end in a sentence, or with everything accounted for."""

import pytest

from tests.hostile.tables.mutate import faults


@pytest.mark.parametrize("num", [60, pytest.param(200, marks=pytest.mark.slow)])
def test_damaged_tables_are_refused_or_accounted_for(num: int) -> None:
    assert list(faults(num, seed=num)) == []
