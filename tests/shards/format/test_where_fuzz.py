"""Conditions made at random, against Python's own arithmetic row by row; and text meant to harm.

The oracle knows nothing of Arrow: it computes each row by hand, None for a missing value, by
three-valued logic.
"""

import math
import operator
import random
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from pairgen.errors import ConfigError
from pairgen.shards.format.where import parse_where
from pairgen.shards.format.where_syntax import MAX_CHARACTERS, MAX_DEPTH

Row = dict[str, Any]
# A condition as text, and what computes it for one row: None stands for a missing value.
Part = tuple[str, Callable[[Row], Any]]

WORDS = ["", "a", "fox", "A red Fox", "日本の庭園 🌸", "it's", 'a "b"', "\\", "fo", "x" * 40]
SCHEMA = pa.schema(
    {"i": pa.int64(), "j": pa.int64(), "f": pa.float64(), "s": pa.string(), "b": pa.bool_()}
)
COMPARISONS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def random_rows(draw: random.Random, num: int) -> list[Row]:
    values = {
        "i": lambda: draw.randint(-3, 3),
        "j": lambda: draw.choice([0, 1, 7, 2**40]),
        "f": lambda: draw.choice([0.0, -0.5, 1.0, 2.5, math.inf, -math.inf, math.nan]),
        "s": lambda: draw.choice(WORDS),
        "b": lambda: draw.random() < 0.5,
    }
    return [
        {name: None if draw.random() < 0.2 else value() for name, value in values.items()}
        for _ in range(num)
    ]


def lifted(function: Callable[..., Any], *parts: Callable[[Row], Any]) -> Callable[[Row], Any]:
    """Return what gives a missing value as soon as one goes in."""

    def compute(row: Row) -> Any:
        values = [part(row) for part in parts]
        return None if any(value is None for value in values) else function(*values)

    return compute


def conjunction(values: list[Any]) -> Any:
    return False if any(v is False for v in values) else None if None in values else True


def disjunction(values: list[Any]) -> Any:
    return True if any(v is True for v in values) else None if None in values else False


def divided(a: float, b: float) -> float:
    """Return a / b as IEEE 754 has it; Python raises where b is 0."""
    if b:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def random_number(draw: random.Random, depth: int) -> Part:
    kind = draw.randrange(3 if depth == 0 else 7)
    if kind == 0:
        name = draw.choice(["i", "j", "f"])
        return name, lambda row: row[name]
    if kind == 1:
        value = draw.choice([0, 1, 2, -1, 0.5, 2.5, 1e300])
        # -1 is an operation on 1 to the parser, as in Python.
        return repr(value), lambda row: value
    if kind == 2:
        text, part = random_text(draw)
        return f"len({text})", lifted(len, part)
    left, left_part = random_number(draw, depth - 1)
    if kind == 3:
        return f"(-{left})", lifted(operator.neg, left_part)
    right, right_part = random_number(draw, depth - 1)
    symbol, function = draw.choice(
        [("+", operator.add), ("-", operator.sub), ("*", operator.mul), ("/", None)]
    )
    if function is None:
        part = lifted(lambda a, b: divided(float(a), float(b)), left_part, right_part)
    else:
        part = lifted(function, left_part, right_part)
    return f"({left} {symbol} {right})", part


def random_text(draw: random.Random) -> Part:
    if draw.random() < 0.3:
        word = draw.choice(WORDS)
        return repr(word), lambda row: word
    if draw.random() < 0.3:
        return "lower(s)", lifted(str.lower, lambda row: row["s"])
    return "s", lambda row: row["s"]


def random_condition(draw: random.Random, depth: int) -> Part:
    kind = draw.randrange(6 if depth == 0 else 9)
    if kind == 0:
        return "b", lambda row: row["b"]
    if kind == 1:
        make = draw.choice([lambda: random_number(draw, depth), lambda: random_text(draw)])
        sides = [make() for _ in range(draw.choice([2, 2, 3]))]
        symbols = [draw.choice(list(COMPARISONS)) for _ in sides[1:]]
        text = sides[0][0]
        for symbol, (side, _) in zip(symbols, sides[1:], strict=True):
            text += f" {symbol} {side}"
        parts = [
            lifted(COMPARISONS[symbol], left[1], right[1])
            for symbol, left, right in zip(symbols, sides, sides[1:], strict=False)
        ]
        return f"({text})", lambda row: conjunction([part(row) for part in parts])
    if kind == 2:
        text, part = random_number(draw, 0)
        items = [draw.choice([0, 1, 7, 2.5]) for _ in range(draw.randrange(4))]
        equal = [lifted(operator.eq, part, lambda row, item=item: item) for item in items]
        listed = f"[{', '.join(map(repr, items))}]"
        return f"({text} in {listed})", lambda row: disjunction([each(row) for each in equal])
    if kind == 3:
        word, (text, part) = draw.choice(WORDS), random_text(draw)
        found = lifted(lambda value: word in value, part)
        if draw.random() < 0.5:
            return f"({word!r} in {text})", found
        return f"({word!r} not in {text})", lifted(operator.not_, found)
    if kind == 4:
        word, (text, part) = draw.choice(WORDS), random_text(draw)
        name, method = draw.choice([("startswith", str.startswith), ("endswith", str.endswith)])
        return f"{name}({text}, {word!r})", lifted(lambda value: method(value, word), part)
    if kind == 5:
        value = draw.random() < 0.5
        return repr(value), lambda row: value
    left, left_part = random_condition(draw, depth - 1)
    if kind == 6:
        return f"(not {left})", lifted(operator.not_, left_part)
    right, right_part = random_condition(draw, depth - 1)
    word, fold = draw.choice([("and", conjunction), ("or", disjunction)])
    return f"({left} {word} {right})", lambda row: fold([left_part(row), right_part(row)])


@pytest.mark.parametrize("seed", range(20))
def test_a_random_condition_says_what_python_says_of_every_row(seed: int) -> None:
    draw = random.Random(seed)
    rows = random_rows(draw, 40)
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    for _ in range(60):
        text, part = random_condition(draw, depth=3)
        expected = [part(row) is True for row in rows]
        try:
            found = parse_where(text).mask(table).tolist()
        except ConfigError as error:
            # Whole numbers stay whole and 64-bit here; Python's grow.
            assert "overflow" in str(error), f"{text}: {error}"
            continue
        assert found == expected, text


def test_the_oracle_is_no_mirror() -> None:
    """Fixed cases, worked out by hand."""
    rows = [{"i": None, "s": None, "b": None}, {"i": 1, "s": "Fox", "b": True}]
    table = pa.Table.from_pylist(rows, schema=pa.schema([SCHEMA.field(n) for n in "isb"]))
    for text, expected in (
        ("i == 1 or True", [True, True]),
        ("not (i == 1)", [False, False]),
        ("i in []", [False, False]),
        ("i not in []", [True, True]),
        ("not (i == 1 and False)", [True, True]),
        ("not b or len(lower(s)) == 3", [False, True]),
        ("i / 0 > 5", [False, True]),
    ):
        assert parse_where(text).mask(table).tolist() == expected, text


PIECES = [
    *"()[]{}.,:;=<>+-*/%@&|^~!?'\"\\`#$ \n\t\r\x0c0123456789aefijsxb_",
    *("and ", "or ", "not ", "in ", "is ", "if ", "else ", "lambda ", "for ", "await ", "yield "),
    *("None", "True", "len(", "lower(", "contains(", "__class__", "f'", "b'", "r'", ":=", "**"),
    *(
        "'''",
        '"""',
        "\\\n",
        "\\N{",
        "{{",
        "1e999",
        "0x",
        "1j",
        "\u200b",
        "\uff53",
        "s\u0301",
        "\ufeff",
    ),
    *("\0", "\udcff", "🌸", "ﬃ", "\u2028", "\x1c", "==", "...", "*s", "# no\n"),
]


@pytest.mark.parametrize("seed", range(10))
def test_random_text_is_computed_or_refused_in_one_sentence(seed: int) -> None:
    draw = random.Random(seed)
    table = pa.Table.from_pylist(random_rows(draw, 5), schema=SCHEMA)
    for _ in range(400):
        text = "".join(draw.choices(PIECES, k=draw.randrange(1, 15)))
        try:
            condition = parse_where(text)
            condition.check_columns(table.column_names, "The index of somewhere")
            assert condition.mask(table).shape == (5,)
        except ConfigError as error:
            assert "\n" not in str(error)


HOSTILE = {
    "attribute": "s.__class__.__mro__[1].__subclasses__()",
    "call of a call": "().__class__.__base__.__subclasses__()()",
    "half a surrogate pair": "'\\ud800' == s",
    "import": "__import__('os').system('true')",
    "dunder name": "__builtins__ == 1",
    "lambda": "(lambda: 1)()",
    "comprehension": "[i for i in [1]]",
    "generator": "len(i for i in [1])",
    "walrus": "(i := 5) == 5",
    "f-string": "f'{i.__class__}' == 'a'",
    "power": "9**9**9 > i",
    "shift": "1 << 99999999999 > i",
    "list as a value": "i in [1] in [2]",
    "list in a chain": "i in [1] == b",
    "starred": "i in [*s]",
    "keyword": "len(s, x=1) == 1",
    "decimal": "9" * 9000 + " > i",
    "hexadecimal": "0x" + "f" * 9000 + " > i",
    "parentheses": "(" * 100_000,
    "closed parentheses": "(" * 50_000 + "i" + ")" * 50_000,
    "few parentheses": "(" * 4_000 + "i" + ")" * 4_000,
    "brackets": "[" * 9_000,
    "minus": "-" * 9_000 + "i",
    "not": "not " * 2_400 + "b",
    "sum": "i" + "+i" * 4_500 + " > 1",
    "attributes": "s" + ".a" * 4_500,
    "calls": "len(" * 1_900 + "s" + ")" * 1_900,
    "powers": "i**" * 3_000 + "i",
    "lambdas": "lambda:" * 1_400 + "1",
    "ternaries": "1 if 1 else " * 800 + "1",
    "a megabyte": "i == 1 or " * 100_000 + "b",
    "a megabyte of text": "s == '" + "x" * 1_000_000 + "'",
    "null": "i == 1\0",
    "not UTF-8": "i == \udcff",
    "full-width": "\uff49 == 1",
    "full-width function": "\uff4c\uff45\uff4e(s) == 1",
    "ligature": "ﬃ == 1",
    "cyrillic": "\u0456 == 1",
    "no-break space": "i\u00a0== 1",
    "zero width": "i\u200b == 1",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_in_one_short_sentence(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_where(HOSTILE[name]).check_columns(SCHEMA.names, "The index of somewhere")
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 1_000
    assert re.search(r"[.;]", message)


def test_what_is_as_long_and_as_deep_as_allowed_is_computed() -> None:
    table = pa.table({"b": [True, False, None], "i": [1, 2, None]})
    flat = "b and " * ((MAX_CHARACTERS - 1) // 6) + "b"
    assert parse_where(flat).mask(table).tolist() == [True, False, False]
    # A comparison and its sides are two levels.
    deep = "i" + "+0" * (MAX_DEPTH - 3) + " == 1"
    assert parse_where(deep).mask(table).tolist() == [True, False, False]
    with pytest.raises(ConfigError, match="nested too deeply"):
        parse_where("i" + "+0" * MAX_DEPTH + " == 1")


def test_nothing_crashes_the_interpreter() -> None:
    """The same in a process of its own, with a small stack: a crash would end it by a signal."""
    script = (
        "import sys, threading\n"
        "from tests.shards.format.test_where_fuzz import HOSTILE\n"
        "from pairgen.shards.format.where import parse_where\n"
        "from pairgen.errors import ConfigError\n"
        "def run():\n"
        "    for text in HOSTILE.values():\n"
        "        try: parse_where(text)\n"
        "        except ConfigError: pass\n"
        "    print('alive')\n"
        "threading.stack_size(4 * 1024 * 1024)\n"
        "thread = threading.Thread(target=run); thread.start(); thread.join()\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "alive\n"), result.stderr
