"""The filter of a page gives what `--where` gives: the same samples, or an error for both."""

import json
import math
import random
import shutil
import subprocess
from pathlib import Path

import pyarrow as pa

from pairgen.errors import ConfigError
from pairgen.pages.columns import column_data
from pairgen.shards.format.where import parse_where
from tests.pages.conftest import missing

SCRIPTS = Path(__file__).parents[2] / "pairgen/assets/pages"
RUNNER = Path(__file__).parent / "where_runner.js"

TABLE = pa.table(
    {
        "key": ["000000000", "000000001", "000000002", "000000003", "000000004", "000000005"],
        "prompt": ["a fox", "", "A FOX\n", "été ΣΑΣ İ", "\U0001f98a fox", None],
        "seed": pa.array([0, 1, -5, 2**62, 2**63 - 1, None], pa.int64()),
        "count": pa.array([3, 3, 4, None, 5, 0], pa.int64()),
        "scale": pa.array([8.0, 4.5, math.nan, -0.0, math.inf, None], pa.float64()),
        "flag": pa.array([True, False, None, True, False, True]),
        "order": pa.array([[1, 0], [0], [], None, [2], [3]], pa.list_(pa.int64())),
    }
)

# Written to be hard: precedence, escapes, missing values, and what is refused.
CONDITIONS = r"""
scale == 8 and len(prompt) < 200
not flag and "fox" in lower(prompt)
not (scale == 8) | flag
1 < count <= 4 < 5
count in (3, 4) or count not in [3]
count in ()
count in (3)
count in (3,)
"fox" in prompt
"fox" not in prompt
prompt in "a fox and more"
'a' 'b' in prompt
'''a fox''' == prompt
r'\d' == prompt
u'a fox' == prompt
b'a' == prompt
f'a' == prompt
prompt == 'A FOX\n'
prompt == '\U0001f98a fox'
prompt == '\x61 fox'
prompt == '\141 fox'
prompt == '\q'
prompt == '\ud83e\udd8a fox'
prompt > '\uffff'
prompt < 'b' < 'c'
lower(prompt) == 'été σασ i'
len(prompt) == 5
len(lower('ABC')) == 3
len(3) == 1
startswith(prompt, 'a') and endswith(prompt, "x")
contains(prompt, lower('FOX'))
contains('fox', prompt)
contains(prompt)
seed == 9223372036854775807
seed == 9223372036854775808
seed + 1 > 0
seed * 2 == 2
seed - 1 < 0
seed / 2 == 0.5
count / 0 > 1
count / 2 == 1.5
count + scale > 5
count * 1.0 == 3
-count == -3
- - count == 3
-flag
+count == 3
count % 2 == 0
count ** 2 == 9
count // 2 == 1
count & 1
not count
count
flag
flag == True
flag < True
flag == 1
flag + 1 == 2
flag / 2 == 0.5
True
False or flag
not True
1 == 1
1 == 1.0
"a" == 1
prompt == 1
prompt + 'a' == 'b'
'6' / '2' == 3
prompt / 2 == 1
scale != scale
scale == scale
not scale == scale
scale > 1e400
scale == 1e400
scale < .5
scale < 1_0.0_1e0
count == 0x3
count == 0b11 or count == 0o4
count == 03
count == 00
count == 1_
count == 1__0
count == 3j
count is 3
count is not 3
None == count
order == 1
nothing == 1
key == '000000001'
count == 3 if flag else True
lambda: 1
count == 3 and
(count == 3
count == 3)
count == [3]
[3] == count
(3, 4) == count
count in [3] in [4]
count in [[3]]
count in (3, scale, seed)
count in ('3',)
len
len == 3
len(prompt=3)
prompt.upper()
prompt[0] == 'a'
count == 3 # the rest
count == \
3
(count ==
3)
count ==
3
count <> 3
count = 3
count == 3; flag
ｃount == 3
été == 3
not not flag
not flag == True
flag and count or scale
flag or count == 3 and scale == 8
1 <= 2 <= 3
3 in (1, 2, 3)
'a' in 'abc'
'a' in ('a',)
"unclosed
'\N{DIGIT ONE}' == prompt
'\
a fox' == prompt
"a	fox" == prompt
count==3and flag
""".strip("\n")  # noqa: RUF001


def conditions() -> list[str]:
    """Return the conditions above, one a line; a line that goes on is one with the next."""
    joined = CONDITIONS.replace("==\n3", "==\0" + "3").replace("\\\n", "\\\0")
    return [line.replace("\0", "\n") for line in joined.split("\n")]


def made_up(number: int) -> str:
    """Return a condition of random parts, most of which mean something."""
    draw = random.Random(number)

    def value(depth: int) -> str:
        kinds = ["seed", "count", "scale", "3", "0.5", "-4", "8", "prompt", "'fox'", "''", "flag"]
        if depth <= 0 or draw.random() < 0.3:
            return draw.choice(kinds)
        more = [
            lambda: f"{value(depth - 1)} {draw.choice('+-*/')} {value(depth - 1)}",
            lambda: f"len({draw.choice(['prompt', 'lower(prompt)', 'key', 'count'])})",
            lambda: f"({value(depth - 1)})",
            lambda: f"-{value(depth - 1)}",
        ]
        return draw.choice(more)()

    def condition(depth: int) -> str:
        if depth <= 0 or draw.random() < 0.3:
            operator = draw.choice(["==", "!=", "<", "<=", ">", ">=", "in", "not in"])
            right = value(1)
            if operator.endswith("in"):
                right = draw.choice(["(3, 4)", "[0.5, count]", "prompt", "()", "('a fox', key)"])
            return f"{value(2)} {operator} {right}"
        more = [
            lambda: f"{condition(depth - 1)} {draw.choice(['and', 'or'])} {condition(depth - 1)}",
            lambda: f"not {condition(depth - 1)}",
            lambda: f"({condition(depth - 1)})",
            lambda: f"{value(1)} < {value(1)} <= {value(1)}",
        ]
        return draw.choice(more)()

    return condition(3)


def by_arrow(text: str) -> list[bool] | None:
    try:
        where = parse_where(text)
        # What holds no number, text or truth cannot be told in a page.
        where.check_columns([name for name in TABLE.column_names if name != "order"], "it")
        return [bool(each) for each in where.mask(TABLE)]
    except ConfigError:
        return None


def by_page(texts: list[str]) -> list[list[bool] | None]:
    node = shutil.which("node")
    if node is None:
        missing("node")
    columns = [column_data(name, TABLE.column(name)) for name in TABLE.column_names]
    given = {"columns": columns, "num": TABLE.num_rows, "conditions": texts}
    result = subprocess.run(
        [node, str(RUNNER), str(SCRIPTS)], input=json.dumps(given), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


# What only Python knows: the names of characters.
ONLY_PYTHON = (r"'\N{DIGIT ONE}' == prompt",)
# What is deprecated in Python, and an error in a page.
DEPRECATED = ("count==3and flag",)


def test_a_page_filters_as_the_command_line_does() -> None:
    texts = conditions()
    for text, found in zip(texts, by_page(texts), strict=True):
        if text in (*ONLY_PYTHON, *DEPRECATED):
            assert found is None
        else:
            assert found == by_arrow(text), text
    assert sum(each is not None for each in map(by_arrow, texts)) > 50


def test_made_up_conditions_give_the_same_samples() -> None:
    texts = [made_up(number) for number in range(1500)]
    expected = list(map(by_arrow, texts))
    wrong = [
        (text, found, there)
        for text, found, there in zip(texts, by_page(texts), expected, strict=True)
        if found != there
    ]
    assert not wrong, wrong[:10]
    assert sum(each is not None for each in expected) > 300


def test_long_and_deep_conditions_are_refused_at_the_same_size() -> None:
    texts = []
    for num in (90, 96, 97, 98, 99, 100, 101, 120):
        texts += [" + ".join(["1"] * num) + " == 1", "not " * num + "flag", "-" * num + "1 == 1"]
    texts += [f"prompt == '{'a' * num}'" for num in (9_000, 9_988, 9_989, 10_000)]
    for text, found in zip(texts, by_page(texts), strict=True):
        assert found == by_arrow(text), text
