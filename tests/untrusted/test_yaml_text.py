"""YAML of strangers: read as plain data, or refused at once in a sentence."""

import time

import pytest

from pairgen.untrusted.malformed import MalformedError
from pairgen.untrusted.yaml_text import load_yaml

TENS = ["x0: &x0 [" + ", ".join(["lol"] * 9) + "]"]
TENS += [f"x{i}: &x{i} [" + ", ".join([f"*x{i - 1}"] * 9) + "]" for i in range(1, 10)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n".join(TENS), "more than 200,000 values"),
        ("[" * 5000, "levels deep"),
        ("a: &x [*x]", "inside its own anchor"),
        ("a: &x {<<: *x}", "inside its own anchor"),
        ("1" * 100_000, "a number of 100,000 digits"),
        ("0x" + "f" * 100_000, "a number of 100,002 digits"),
        ("1:" * 50_000 + "1", "a number of"),
        ("2001-99-99", "month"),
        ("0x_", "invalid literal"),
        ('"\\ud800"', "surrogates"),
        ("? [a]\n: 1", "unhashable"),
        ("a: b: c", "mapping values"),
        ("!!python/name:os.system", "could not determine a constructor"),
        ("a" * (4 * 1024**2 + 1), "bytes"),
    ],
)
def test_what_is_endless_once_it_is_read_is_refused(text: str, reason: str) -> None:
    start = time.process_time()
    with pytest.raises(MalformedError, match=reason):
        load_yaml(text)
    assert time.process_time() - start < 10


def test_plain_data_is_read_with_aliases_among_it() -> None:
    assert load_yaml("a: &x [1, 2.5]\nb: [*x, *x]\nc: {<<: {d: no}}") == {
        "a": [1, 2.5],
        "b": [[1, 2.5], [1, 2.5]],
        "c": {"d": False},
    }
    assert load_yaml("") is None
    assert load_yaml("caf\u00e9: \U0001f338".encode()) == {"caf\u00e9": "\U0001f338"}
