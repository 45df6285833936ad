"""What others wrote is shown, and never obeyed."""

import json

import pytest

from pairgen.visible import code, literal, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a red, round apple — naïve 写真 👩‍🚀", "a red, round apple — naïve 写真 👩‍🚀"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b]0;PWN\x07", "\\u001b]0;PWN\\u0007"),
        ("\x9b2J\r", "\\u009b2J\\r"),
        ("gnp.\u202egpj", "gnp.\\u202egpj"),
        ("\udcff", "\\udcff"),
        ("\u2028", "\\u2028"),
    ],
)
def test_control_characters_are_visible(text: str, shown: str) -> None:
    assert visible(text) == shown
    visible(text).encode()


def test_a_json_document_stays_what_it_is() -> None:
    data = {"caption": "\x9b2J \x1b \u202e 👩‍🚀", "number": 1}
    text = json.dumps(data, ensure_ascii=False, indent=1)
    assert json.loads(visible(text)) == data


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[a](http://b) |", r"[a\](http://b) \|"),
        ("<script> &amp; $x$", r"\<script> \&amp; \$x\$"),
        ("`c` **d** __e__ a_b ~f~", r"\`c\` \*\*d\*\* \_\_e\_\_ a_b \~f\~"),
        ("one\n# two\x1b", r"one # two\\u001b"),
    ],
)
def test_markdown_shows_the_very_text(text: str, shown: str) -> None:
    assert literal(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"), [("a.npy", "`a.npy`"), ("a`b|", "`` a`b\\| ``"), ("``", "`` ` ` ``")]
)
def test_code_in_markdown_ends_where_it_shall(text: str, shown: str) -> None:
    assert code(text) == shown
