"""What a condition may consist of, and its syntax tree; `where.py` says what all of it means."""

import ast
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow.compute as pc

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError
from pairgen.wording import counted

# Far more than a person writes, and still parsed in a moment.
MAX_CHARACTERS = 10_000
MAX_DEPTH = 100
MAX_SHOWN = 200

COMPARISONS: dict[type, str] = {
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
}
ARITHMETIC: dict[type, str] = {
    ast.Add: "add_checked",
    ast.Sub: "subtract_checked",
    ast.Mult: "multiply_checked",
    ast.Div: "divide",
}
# Function name to its number of arguments and its implementation.
FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "len": (1, pc.utf8_length),
    "lower": (1, pc.utf8_lower),
    "startswith": (2, pc.starts_with),
    "endswith": (2, pc.ends_with),
    "contains": (2, pc.match_substring),
}


def _place(error: SyntaxError, text: str) -> int:
    """Return the character of a condition, counted from 1, that its parser does not expect.

    Of a condition that ends too early, Python tells no place: that is the last character.
    """
    stripped = text.strip()
    above = stripped.split("\n")[: (error.lineno or 1) - 1]
    at = sum(len(line) + 1 for line in above) + (error.offset or len(stripped))
    return len(text) - len(text.lstrip()) + min(at, len(stripped))


def parse_syntax(text: str) -> ast.expr:
    """Return the syntax tree of a condition; refuse whatever is too much for Python's parser.

    Python guards its own parser against deep nesting; long text would only put that to the test.

    Raises:
        ConfigError: It is not a condition, or uses something that is not allowed.
    """
    if len(text) > MAX_CHARACTERS:
        raise where_error(text, f"it has {len(text):,} characters, more than {MAX_CHARACTERS:,}")
    stripped = text.strip()
    try:
        stripped.encode()
    except UnicodeEncodeError:
        raise where_error(text, "it is not UTF-8") from None
    if "\0" in stripped:
        raise where_error(text, "it contains a null character")
    try:
        with warnings.catch_warnings():
            # The parser warns about things like '\d' in a string; users need not see that.
            warnings.simplefilter("ignore")
            tree = ast.parse(stripped, mode="eval").body
    except SyntaxError as error:
        raise where_error(text, f"{error.msg} at character {_place(error, text)}") from None
    except (RecursionError, MemoryError):
        raise where_error(text, "it is nested too deeply") from None
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise where_error(text, f"it is nested too deeply, more than {MAX_DEPTH} times")
    _check_letters(tree, text, stripped.encode().splitlines())
    _check(tree, text)
    return tree


def _check_letters(tree: ast.expr, text: str, lines: Sequence[bytes]) -> None:
    """Refuse names in letters that Python normalizes: full-width letters become ASCII."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            written = lines[node.lineno - 1][node.col_offset : node.end_col_offset]
            if written != node.id.encode():
                raise where_error(text, f"{node.id!r} is written with look-alike letters")


def _check(node: ast.AST, text: str) -> None:
    """Refuse every node that is not in the table of `where.py`."""
    children: Sequence[ast.AST]
    match node:
        case ast.Name():
            children = ()
        case ast.Constant(bool() | int() | float() | str() as value):
            if isinstance(value, int) and abs(value) >= 2**63:
                raise where_error(text, "it contains an integer that does not fit in 64 bits")
            # An escape can name half a surrogate pair, which is not text.
            if isinstance(value, str) and any("\ud800" <= each <= "\udfff" for each in value):
                raise where_error(text, "it contains a text that is not valid UTF-8")
            children = ()
        case ast.BoolOp(_, values):
            children = values
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            children = (operand,)
        case ast.BinOp(left, operator, right) if type(operator) in ARITHMETIC:
            children = (left, right)
        case ast.Compare(left, operators, rights):
            children = (left, *_compared(operators, rights, text))
        case ast.Call(ast.Name(name), arguments, []) if name in FUNCTIONS:
            num, _ = FUNCTIONS[name]
            if len(arguments) != num:
                raise where_error(
                    text, f"{name} takes {counted(num, 'value')}, not {len(arguments)}"
                )
            children = arguments
        case ast.Call(ast.Name(name)) if name not in FUNCTIONS:
            raise where_error(text, f"there is no function {name!r}{did_you_mean(name, FUNCTIONS)}")
        case _:
            shown = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
            raise where_error(text, f"{_cut(shown)!r} is not allowed")
    for child in children:
        _check(child, text)


def _compared(
    operators: Sequence[ast.cmpop], rights: Sequence[ast.expr], text: str
) -> list[ast.expr]:
    """Return the right-hand sides of comparisons, with a list at the end unpacked."""
    found: list[ast.expr] = []
    for operator, right in zip(operators, rights, strict=True):
        is_membership = isinstance(operator, ast.In | ast.NotIn)
        if not is_membership and type(operator) not in COMPARISONS:
            raise where_error(text, "'is' is not allowed, only ==")
        if is_membership and right is rights[-1] and isinstance(right, ast.List | ast.Tuple):
            found += right.elts
        else:
            found.append(right)
    return found


def _cut(text: str) -> str:
    """Return a text, shortened to fit in a sentence."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def where_error(text: str, reason: str) -> ConfigError:
    """Return the error about a condition that cannot be used."""
    return ConfigError(
        f"The condition {_cut(text)!r} cannot be used: {reason}; "
        "an example is 'guidance_scale == 8 and len(prompt) < 200'."
    )
