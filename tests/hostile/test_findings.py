"""No finding is missing, and what is said to hold one is there."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.hostile.containers.cases import FOLDERS, TARS
from tests.hostile.findings import FINDINGS, HELD_BY
from tests.hostile.tables.caption_cases import CAPTIONS
from tests.hostile.tables.image_cases import IMAGES
from tests.hostile.tables.prompt_cases import PROMPTS, SAMPLES

REPOSITORY = Path(__file__).parents[2]
# Numbers of the findings as they were written: to the next letter or number, and their parts.
SECTIONS = {
    "A": [*"ABCDEFGHIK"],
    "B": ["1a", "1b", *"2345689", "10"],
    "C": [str(number) for number in range(1, 18) if number != 16],
    "D": [str(number) for number in range(1, 7)],
}
PARTS = {
    "A.B": range(1, 9),
    "A.C": (1, 2, 3, 4, 5, 7, 8),
    "A.D": range(1, 5),
    "A.E": range(1, 4),
    "A.I": range(1, 8),
    "A.K": range(1, 6),
    "B.4": range(1, 7),
    "B.9": range(1, 7),
    "C.9": range(1, 6),
    "C.10": range(1, 4),
}


@cache
def functions_in(path: str) -> frozenset[str]:
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def names_in(table: str) -> set[str]:
    tables = {
        "tars": TARS,
        "folders": FOLDERS,
        "prompts": (*PROMPTS, *SAMPLES),
        "captions": CAPTIONS,
        "cells": IMAGES,
    }
    if table in tables:
        return {case.name for case in tables[table]}
    pytest.importorskip("tifffile")
    from tests.hostile.pixels.table import table as files
    from tests.hostile.pixels.truth import cases

    if table == "files":
        return {each.name.decode("utf-8", "backslashreplace") for each in files()}
    return {each if isinstance(each, str) else each.name for each in cases()}


def test_no_finding_is_missing() -> None:
    sections = [f"{part}.{number}" for part, numbers in SECTIONS.items() for number in numbers]
    expected = [
        name
        for section in sections
        for name in ([f"{section}.{part}" for part in PARTS.get(section, ())] or [section])
    ]
    assert list(FINDINGS) == expected


def test_each_is_held() -> None:
    assert all(found.holders for found in FINDINGS.values())


@pytest.mark.parametrize("number", [name for name, found in FINDINGS.items() if found.words])
def test_the_words_are_there(number: str) -> None:
    document, words = FINDINGS[number].words or ("", "")
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    assert words in " ".join(text.split()), number


@pytest.mark.parametrize("number", [name for name, found in FINDINGS.items() if found.tests])
def test_the_tests_are_there(number: str) -> None:
    for test in FINDINGS[number].tests:
        path, _, name = test.partition("::")
        assert name in functions_in(path), test


@pytest.mark.parametrize("table", HELD_BY)
def test_the_cases_are_there(table: str) -> None:
    path, _, name = HELD_BY[table].partition("::")
    assert name in functions_in(path)
    there = names_in(table)
    for number, found in FINDINGS.items():
        assert {*found.cases.get(table, ())} <= there, number
