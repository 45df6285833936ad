"""Brace patterns stand for the names that a shell would make of them."""

import pytest

from pairgen.errors import ConfigError
from pairgen.sources.urls.braces import expanded


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("s3://b/a.tar", ["s3://b/a.tar"]),
        ("{08..11}.tar", ["08.tar", "09.tar", "10.tar", "11.tar"]),
        ("{8..11}", ["8", "9", "10", "11"]),
        ("{3..1}", ["3", "2", "1"]),
        ("{a,b}/{0..1}.tar", ["a/0.tar", "a/1.tar", "b/0.tar", "b/1.tar"]),
        ("x{,y}", ["x", "xy"]),
        ("{a}", ["{a}"]),
        ("{}", ["{}"]),
    ],
)
def test_braces_stand_for_names(text: str, names: list[str]) -> None:
    assert expanded(text) == names


@pytest.mark.parametrize(
    "text", ["{0..1000000}", "{0..9999}{0..9999}", "{0..99999999999999999999}"]
)
def test_more_than_a_million_names_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="more than 1,000,000 names"):
        expanded(text)


def test_braces_in_braces_are_refused() -> None:
    with pytest.raises(ConfigError, match="braces in braces"):
        expanded("{a,{b,c}}")
