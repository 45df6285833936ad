"""Conditions over the index: what Python would say of each row, and nothing is run as code."""

import math
from typing import Any

import pyarrow as pa
import pytest

from pairgen.errors import ConfigError
from pairgen.shards.format.where import parse_where

ROWS: list[dict[str, Any]] = [
    {"guidance_scale": 8.0, "seed": 5, "prompt": "A red Fox", "truncated": False, "score": 0.5},
    {"guidance_scale": 3.0, "seed": 5, "prompt": "日本の庭園 🌸", "truncated": True, "score": 2.0},
    {"guidance_scale": 8.0, "seed": 7, "prompt": "", "truncated": False, "score": -1.0},
    {"guidance_scale": 7.5, "seed": 0, "prompt": "owl", "truncated": True, "score": math.inf},
]
TABLE = pa.Table.from_pylist(ROWS)


def startswith(text: str, start: str) -> bool:
    return text.startswith(start)


def endswith(text: str, end: str) -> bool:
    return text.endswith(end)


def contains(text: str, part: str) -> bool:
    return part in text


FUNCTIONS = {"startswith": startswith, "endswith": endswith, "contains": contains}
FUNCTIONS |= {"lower": str.lower, "len": len}


def mask(text: str) -> list[bool]:
    return parse_where(text).mask(TABLE).tolist()


@pytest.mark.parametrize(
    "text",
    [
        "guidance_scale == 8",
        "guidance_scale == 8 and len(prompt) < 200",
        "8 == guidance_scale",
        "guidance_scale != 8.0 or seed == 7",
        "not guidance_scale == 8",
        "3 < guidance_scale <= 8",
        "seed in [5, 7]",
        "seed not in (5, 7)",
        "seed in []",
        "prompt in ['owl', \"\"]",
        "'red' in prompt",
        "'RED' not in prompt",
        "'red' in lower(prompt) or contains(prompt, 'ow')",
        "startswith(lower(prompt), 'a ') and endswith(prompt, 'x')",
        "len(prompt) == 7",
        "truncated",
        "not truncated and seed > 0",
        "truncated == False",
        "(seed + 1) * 2 - 3 > 8",
        "seed / 2 == 2.5",
        "-score > 0",
        "score / 2 < 1",
        "'a' < prompt",
        "True",
        "guidance_scale == 8 and (seed == 5 or seed == 7) and not truncated",
    ],
)
def test_it_says_what_python_says_of_every_row(text: str) -> None:
    expected = [eval(text, {"__builtins__": {}, **FUNCTIONS}, row) for row in ROWS]
    assert mask(text) == [bool(value) for value in expected]


def test_columns_are_those_that_are_read() -> None:
    condition = parse_where("lower(prompt) == 'x' and seed in [1] and len(prompt) > 0")
    assert condition.columns == ("prompt", "seed")


def test_a_missing_value_makes_a_comparison_false() -> None:
    table = pa.table({"score": [1.0, None], "name": ["a", None]})
    for text in ("score > 0", "score <= 0 or name == 'a'", "not score < 0"):
        assert parse_where(text).mask(table).tolist() == [True, False]


def test_an_unknown_column_is_named_with_a_suggestion() -> None:
    condition = parse_where("guidence_scale == 8")
    with pytest.raises(ConfigError, match=r"did you mean 'guidance_scale'.*which the condition"):
        condition.check_columns(TABLE.column_names, "The index of somewhere")
    parse_where("seed == 8").check_columns(TABLE.column_names, "The index of somewhere")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "invalid syntax"),
        ("guidance_scale = 8", "invalid syntax"),
        ("seed ==", "invalid syntax"),
        ("seed == 8; seed", "invalid syntax"),
        ("__import__('os')", "no function '__import__'"),
        ("lenn(prompt)", "did you mean 'len'"),
        ("len(prompt, 2) == 1", "len takes 1 value, not 2"),
        ("prompt.lower() == 'a'", "'prompt.lower\\(\\)' is not allowed"),
        ("prompt.__class__", "'prompt.__class__' is not allowed"),
        ("prompt[0] == 'a'", "is not allowed"),
        ("[seed for x in prompt]", "is not allowed"),
        ("(lambda: 1)() == 1", "is not allowed"),
        ("f'{seed}' == 'a'", "is not allowed"),
        ("seed ** 9 ** 9 > 1", "is not allowed"),
        ("seed is 5", "'is' is not allowed"),
        ("seed == None", "'None' is not allowed"),
        ("[1, 2] == seed", "is not allowed"),
        ("seed in [[1]]", "is not allowed"),
        (f"seed == {2**63}", "does not fit in 64 bits"),
        ("seed == 'a\0'", "null"),
        ("seed == " + "-" * 5000 + "1", "nested too deeply|too many nested"),
    ],
)
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_what_is_not_allowed_is_refused_in_one_sentence(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        parse_where(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("prompt == 5", "'equal' does not take text and a number"),
        ("prompt + 1 == 2", "'add' does not take text and a number"),
        ("prompt and seed", "'and' does not take text and a number"),
        ("not seed", "'invert' does not take a number"),
        ("len(seed) == 1", "len takes text, not a number"),
        ("seed in 5", "contains takes text, not a number and a number"),
        ("prompt in prompt", "expects a quoted text, not a column"),
        ("seed", "it gives a number instead of true or false"),
        ("5", "it gives a number instead of true or false"),
        ("seed * 9000000000000000000 > 1", "overflow"),
    ],
)
def test_values_that_do_not_go_together_are_named(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        mask(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [("foo ==", 6), ("  foo ==  ", 8), ("foo = 3", 5), ("a == 1 and\nb ==", 11), ("a == )", 6)],
)
def test_what_is_not_expected_is_told_by_its_place(text: str, place: int) -> None:
    with pytest.raises(ConfigError, match=f" at character {place}"):
        parse_where(text)
