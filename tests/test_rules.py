"""What the value of an option may be, and the sentence that refuses another."""

import math
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from pairgen.config import choice
from pairgen.errors import ConfigError
from pairgen.list_rules import Each, Numbers, Places, Span, one_or_several
from pairgen.rules import Checked, Choice, Integer, Number, Place, Rule, Switch, Text

SIZES = Checked(lambda name, value: choice(name, value, ["S", "M"]), {"enum": ["S", "M"]}, "str")
WORDS = Choice(("one", "two"))
ADVICE = "leave it out"

ACCEPTED = [
    (Integer(1), 3, 3),
    (Integer(1), "3", 3),
    (Integer(0, 5), 5, 5),
    (Number(0, 2), 1, 1.0),
    (Number(0, 2), "1.5", 1.5),
    (Number(0, 2), "1e-3", 0.001),
    (WORDS, "two", "two"),
    (Choice(("one",), or_empty=True), "", ""),
    (Switch(), True, True),
    (Switch(), False, False),
    (Text(), "", ""),
    (Text(), Path("a/b"), "a/b"),
    (Text(ADVICE), "x", "x"),
    (Place(), Path("a"), "a"),
    (Places(), "a", ("a",)),
    (Places(), ["a", Path("b")], ("a", "b")),
    (Places(), (), ()),
    (Numbers(0, 10), 3, (3.0,)),
    (Numbers(0, 10), "3,8", (3.0, 8.0)),
    (Numbers(0, 10), [3, "8"], (3.0, 8.0)),
    (Numbers(0, 10), "", ()),
    (Numbers(0, 10, falling=True), "3,8,5", (8.0, 5.0, 3.0)),
    (Each(Integer(1)), "10, 20", (10, 20)),
    (Each(Integer(1)), 10, (10,)),
    (Each(Integer(1)), [10, "20"], (10, 20)),
    (Each(WORDS), "one,two", ("one", "two")),
    (Each(WORDS, at_least_one=False), "", ()),
    (Span(0, 1000), "20, 980", (20, 980)),
    (Span(0, 1000), [0, 1000], (0, 1000)),
    (SIZES, "M", "M"),
    (Rule(), math, math),
]

REFUSED = [
    *((Integer(1), value, "an integer >= 1") for value in (True, 1.0, "yes", "3,8", math.nan, 0)),
    (Integer(0, 5), 6, "an integer in 0..5"),
    *((Number(0, 2), value, "a number in [0, 2]") for value in (True, "yes", "3,8", 3, math.nan)),
    *((Number(0, 2), value, "a number in [0, 2]") for value in (math.inf, "nan", None, [1])),
    *((WORDS, value, "one of one, two") for value in (True, 1, "", "One", None)),
    *((Switch(), value, "true or false") for value in (1, 0, "yes", "true", None)),
    *((Text(), value, "text") for value in (True, 1, None, ["a"])),
    (Place(), 3, "text"),
    (Places("folders"), ["a", 3], "folders"),
    (Places("folders"), None, "folders"),
    *((Numbers(0, 10), value, "a number in [0, 10]") for value in (True, "yes", math.nan, [11])),
    (Each(Integer(1)), [True], "an integer >= 1"),
    (Each(WORDS), "one,three", "one of one, two"),
    *((Span(0, 9), value, "two integers [start, stop]") for value in (3, "3", [1, 2, 3], None)),
    (Span(0, 9), [5, 5], "[start, stop] with start < stop"),
    (SIZES, "L", "one of S, M"),
]


@pytest.mark.parametrize(("rule", "value", "expected"), ACCEPTED)
def test_what_is_allowed_is_read(rule: Rule, value: Any, expected: Any) -> None:
    found = rule.read("option", value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(("rule", "value", "allowed"), REFUSED)
def test_what_is_not_allowed_is_one_sentence(rule: Rule, value: Any, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rule.read("option", value)
    sentence = str(caught.value)
    assert sentence.startswith(f"option must be {allowed}, got ")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("rule", "value", "sentence"),
    [
        (Numbers(0, 10), "3,3.0", "option holds a value twice: 3, 3."),
        (Numbers(0, 10, at_least_one="scale"), [], "option needs at least one scale."),
        (Each(Integer(1)), "10,10", "option holds a value twice: 10, 10."),
        (Each(Integer(1)), "", "option must not be empty."),
        (Text(ADVICE), "", "option must not be empty: leave it out."),
        (Place(ADVICE), "", "option must not be empty: leave it out."),
        (Places(if_empty=ADVICE), ["a", ""], "option must not be empty: leave it out."),
    ],
)
def test_what_is_missing_or_double_is_said(rule: Rule, value: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        rule.read("option", value)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(("rule", "value", "expected"), ACCEPTED)
def test_the_schema_allows_what_the_option_holds(rule: Rule, value: Any, expected: Any) -> None:
    plain = list(expected) if isinstance(expected, tuple) else expected
    Draft202012Validator.check_schema(rule.schema())
    Draft202012Validator(rule.schema()).validate(plain)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (Integer(1), 0),
        (Integer(1), True),
        (Integer(0, 5), 6),
        (Number(0, 2), 2.5),
        (WORDS, "three"),
        (Switch(), "yes"),
        (Text(), 3),
        (Text(ADVICE), ""),
        (Places(), [3]),
        (Numbers(0, 10), [11]),
        (Each(Integer(1)), [0]),
        (Span(0, 9), "3"),
        (Span(0, 9), [3]),
        (Span(0, 9), [3, 10]),
        (SIZES, "L"),
    ],
)
def test_the_schema_refuses_what_the_rule_refuses(rule: Rule, value: Any) -> None:
    assert not Draft202012Validator(rule.schema()).is_valid(value)
    with pytest.raises(ConfigError):
        rule.read("option", value)


@pytest.mark.parametrize(
    ("rule", "metavar", "accepts"),
    [
        (Rule(), "VALUE", "Any"),
        (Integer(1), "N", "int"),
        (Number(0, 1), "X", "float"),
        (WORDS, "one|two", "Literal['one', 'two']"),
        (Choice(("one",), or_empty=True), "one", "Literal['one', '']"),
        (Switch(), "", "bool"),
        (Text(), "TEXT", "str"),
        (Place(), "DIR|URL", "str | Path"),
        (Places(), "DIR|URL", "str | Path | Sequence[str | Path]"),
        (Numbers(0, 1), "X[,X...]", "float | str | Sequence[float]"),
        (Each(Integer(1)), "N[,...]", "int | str | Sequence[int]"),
        (Each(SIZES), "VALUE[,...]", "str | Sequence[str]"),
    ],
)
def test_help_pages_and_python_are_told_what_is_allowed(
    rule: Rule, metavar: str, accepts: str
) -> None:
    assert (rule.metavar, rule.accepts) == (metavar, accepts)


def test_one_or_several_are_also_taken_as_text_where_one_is_none() -> None:
    number, text = {"type": "number"}, {"type": "string"}
    assert one_or_several(number, as_text=True)["anyOf"][2:] == [text]
    assert one_or_several(number)["anyOf"] == [number, {"type": "array", "items": number}]
    assert one_or_several(text, as_text=True)["anyOf"] == [text, {"type": "array", "items": text}]


def test_a_choice_takes_what_yaml_makes_of_off():
    rule = Choice(("latent", "off"))
    assert [rule.read("vsd", value) for value in ("latent", "off", False)] == [
        "latent",
        "off",
        "off",
    ]
    with pytest.raises(ConfigError, match="mode must be one of a, b, got False"):
        Choice(("a", "b")).read("mode", False)
