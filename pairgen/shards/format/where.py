"""Select samples by an expression over the columns of the index.

    guidance_scale == 8 and len(prompt) < 200
    not prompt_truncated and "fox" in lower(prompt)

| allowed | what |
|---|---|
| names | columns of the index |
| values | numbers, strings, True, False, lists of values after `in` |
| comparisons | `== != < <= > >=`, also chained; `in`, `not in` for a list or a text |
| logic | `and`, `or`, `not` |
| arithmetic | `+ - * /` of numbers; `/` is a division of floats |
| on text | `len(x)`, `lower(x)`, `startswith(x, "a")`, `endswith(x, "a")`, `contains(x, "a")` |

Python's `ast` parses the text and Arrow computes it, column by column; nothing is evaluated as
code. A missing value makes a comparison false, even after `not`. `lower` maps letter by letter. A
condition has at most 10,000 characters and a nesting depth of at most 100.
"""

import ast
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError
from pairgen.wording import counted

# Far more than a person writes, and still parsed in a moment.
MAX_CHARACTERS = 10_000
MAX_DEPTH = 100
MAX_SHOWN = 200

_COMPARISONS: dict[type, str] = {
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
}
_ARITHMETIC: dict[type, str] = {
    ast.Add: "add_checked",
    ast.Sub: "subtract_checked",
    ast.Mult: "multiply_checked",
    ast.Div: "divide",
}
# Function name to its number of arguments and its implementation.
_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "len": (1, pc.utf8_length),
    "lower": (1, pc.utf8_lower),
    "startswith": (2, pc.starts_with),
    "endswith": (2, pc.ends_with),
    "contains": (2, pc.match_substring),
}


@dataclass(frozen=True)
class Where:
    """A parsed condition.

    Attributes:
        text: The condition as the user wrote it.
        columns: Columns that it reads, sorted.
    """

    text: str
    columns: tuple[str, ...]
    _tree: ast.expr

    def check_columns(self, known: Sequence[str], where: str) -> None:
        """Refuse columns that an index does not have.

        Args:
            known: Columns of the index.
            where: Whose index it is, for the message.

        Raises:
            ConfigError: A column is unknown.
        """
        for name in self.columns:
            if name not in known:
                raise ConfigError(
                    f"{where} has no column {name!r}{did_you_mean(name, known)}, which the "
                    f"condition {self.text!r} reads; its columns are {', '.join(known)}."
                )

    def mask(self, table: pa.Table) -> np.ndarray:
        """Return which rows of `table` meet the condition, bool [N].

        Raises:
            ConfigError: Values of the columns cannot be compared or combined like this.
        """
        found = self._compute(self._tree, table)
        if not pa.types.is_boolean(found.type):
            raise _error(self.text, f"it gives {_kind(found.type)} instead of true or false")
        if isinstance(found, pa.Scalar):
            return np.full(table.num_rows, found.as_py() is True)
        return np.asarray(pc.fill_null(found, False))

    def _compute(self, node: ast.expr, table: pa.Table) -> Any:
        match node:
            case ast.Name(name):
                return table.column(name)
            case ast.Constant(value):
                return pa.scalar(value)
            case ast.BoolOp(operator, values):
                function = "and_kleene" if isinstance(operator, ast.And) else "or_kleene"
                return self._fold(function, [self._compute(value, table) for value in values])
            case ast.UnaryOp(operator, operand):
                value = self._compute(operand, table)
                return self._call(
                    "invert" if isinstance(operator, ast.Not) else "negate_checked", value
                )
            case ast.BinOp(left, operator, right):
                values = [self._compute(side, table) for side in (left, right)]
                if isinstance(operator, ast.Div):
                    values = [self._call("cast", value, "float64") for value in values]
                return self._call(_ARITHMETIC[type(operator)], *values)
            case ast.Compare(left, operators, rights):
                sides = [left, *rights]
                pairs = zip(sides, operators, rights, strict=False)
                parts = [self._compare(a, operator, b, table) for a, operator, b in pairs]
                return self._fold("and_kleene", parts)
            case ast.Call(ast.Name(name), arguments):
                return self._function(name, [self._compute(a, table) for a in arguments])
        raise AssertionError(f"{type(node).__name__} passed the check")

    def _compare(self, a: ast.expr, operator: ast.cmpop, b: ast.expr, table: pa.Table) -> Any:
        left = self._compute(a, table)
        if not isinstance(operator, ast.In | ast.NotIn):
            return self._call(_COMPARISONS[type(operator)], left, self._compute(b, table))
        if isinstance(b, ast.List | ast.Tuple):
            equal = [self._call("equal", left, self._compute(item, table)) for item in b.elts]
            found = self._fold("or_kleene", equal) if equal else pa.scalar(False)
        else:
            found = self._function("contains", [self._compute(b, table), left])
        return self._call("invert", found) if isinstance(operator, ast.NotIn) else found

    def _function(self, name: str, values: list[Any]) -> Any:
        _, function = _FUNCTIONS[name]
        if not all(_is_text(value.type) for value in values):
            kinds = " and ".join(_kind(value.type) for value in values)
            raise _error(self.text, f"{name} takes text, not {kinds}")
        patterns = values[1:]
        if not all(isinstance(pattern, pa.Scalar) for pattern in patterns):
            raise _error(self.text, f"{name} expects a quoted text, not a column")
        return function(values[0], *(pattern.as_py() for pattern in patterns))

    def _fold(self, function: str, values: list[Any]) -> Any:
        result = values[0]
        for value in values[1:]:
            result = self._call(function, result, value)
        return result

    def _call(self, function: str, *values: Any) -> Any:
        try:
            return getattr(pc, function)(*values)
        except pa.ArrowInvalid as error:
            raise _error(self.text, " ".join(str(error).split()).rstrip(".")) from None
        except (pa.ArrowNotImplementedError, pa.ArrowTypeError):
            kinds = " and ".join(_kind(v.type) for v in values if not isinstance(v, str))
            what = function.removesuffix("_checked").removesuffix("_kleene")
            raise _error(self.text, f"{what!r} does not take {kinds}") from None


def parse_where(text: str) -> Where:
    """Parse a condition; its columns are checked later.

    Raises:
        ConfigError: It is not a condition, or uses something that is not allowed.
    """
    tree = _parse(text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    functions = {node.id for node in called if isinstance(node, ast.Name)}
    return Where(text=text, columns=tuple(sorted(names - functions)), _tree=tree)


def _place(error: SyntaxError, text: str) -> int:
    """Return the character of a condition, counted from 1, that its parser does not expect.

    Of a condition that ends too early, Python tells no place: that is the last character.
    """
    stripped = text.strip()
    above = stripped.split("\n")[: (error.lineno or 1) - 1]
    at = sum(len(line) + 1 for line in above) + (error.offset or len(stripped))
    return len(text) - len(text.lstrip()) + min(at, len(stripped))


def _parse(text: str) -> ast.expr:
    """Return the syntax tree of a condition; refuse whatever is too much for Python's parser.

    Python guards its own parser against deep nesting; long text would only put that to the test.
    """
    if len(text) > MAX_CHARACTERS:
        raise _error(text, f"it has {len(text):,} characters, more than {MAX_CHARACTERS:,}")
    stripped = text.strip()
    try:
        stripped.encode()
    except UnicodeEncodeError:
        raise _error(text, "it is not UTF-8") from None
    if "\0" in stripped:
        raise _error(text, "it contains a null character")
    try:
        with warnings.catch_warnings():
            # The parser warns about things like '\d' in a string; users need not see that.
            warnings.simplefilter("ignore")
            tree = ast.parse(stripped, mode="eval").body
    except SyntaxError as error:
        raise _error(text, f"{error.msg} at character {_place(error, text)}") from None
    except (RecursionError, MemoryError):
        raise _error(text, "it is nested too deeply") from None
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise _error(text, f"it is nested too deeply, more than {MAX_DEPTH} times")
    _check_letters(tree, text, stripped.encode().splitlines())
    _check(tree, text)
    return tree


def _check_letters(tree: ast.expr, text: str, lines: Sequence[bytes]) -> None:
    """Refuse names in letters that Python normalizes: full-width letters become ASCII."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            written = lines[node.lineno - 1][node.col_offset : node.end_col_offset]
            if written != node.id.encode():
                raise _error(text, f"{node.id!r} is written with look-alike letters")


def _check(node: ast.AST, text: str) -> None:
    """Refuse every node that is not in the table above."""
    children: Sequence[ast.AST]
    match node:
        case ast.Name():
            children = ()
        case ast.Constant(bool() | int() | float() | str() as value):
            if isinstance(value, int) and abs(value) >= 2**63:
                raise _error(text, "it contains an integer that does not fit in 64 bits")
            # An escape can name half a surrogate pair, which is not text.
            if isinstance(value, str) and any("\ud800" <= each <= "\udfff" for each in value):
                raise _error(text, "it contains a text that is not valid UTF-8")
            children = ()
        case ast.BoolOp(_, values):
            children = values
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            children = (operand,)
        case ast.BinOp(left, operator, right) if type(operator) in _ARITHMETIC:
            children = (left, right)
        case ast.Compare(left, operators, rights):
            children = (left, *_compared(operators, rights, text))
        case ast.Call(ast.Name(name), arguments, []) if name in _FUNCTIONS:
            num, _ = _FUNCTIONS[name]
            if len(arguments) != num:
                raise _error(text, f"{name} takes {counted(num, 'value')}, not {len(arguments)}")
            children = arguments
        case ast.Call(ast.Name(name)) if name not in _FUNCTIONS:
            raise _error(text, f"there is no function {name!r}{did_you_mean(name, _FUNCTIONS)}")
        case _:
            shown = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
            raise _error(text, f"{_cut(shown)!r} is not allowed")
    for child in children:
        _check(child, text)


def _compared(
    operators: Sequence[ast.cmpop], rights: Sequence[ast.expr], text: str
) -> list[ast.expr]:
    """Return the right-hand sides of comparisons, with a list at the end unpacked."""
    found: list[ast.expr] = []
    for operator, right in zip(operators, rights, strict=True):
        is_membership = isinstance(operator, ast.In | ast.NotIn)
        if not is_membership and type(operator) not in _COMPARISONS:
            raise _error(text, "'is' is not allowed, only ==")
        if is_membership and right is rights[-1] and isinstance(right, ast.List | ast.Tuple):
            found += right.elts
        else:
            found.append(right)
    return found


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _kind(kind: pa.DataType) -> str:
    """Return a user-facing name of an Arrow type."""
    if _is_text(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "true or false"
    return "a number" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else str(kind)


def _cut(text: str) -> str:
    """Return a text, shortened to fit in a sentence."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _error(text: str, reason: str) -> ConfigError:
    return ConfigError(
        f"The condition {_cut(text)!r} cannot be used: {reason}; "
        "an example is 'guidance_scale == 8 and len(prompt) < 200'."
    )
