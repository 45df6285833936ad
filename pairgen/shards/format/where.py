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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairgen.config import did_you_mean
from pairgen.errors import ConfigError
from pairgen.shards.format.where_syntax import (
    ARITHMETIC,
    COMPARISONS,
    FUNCTIONS,
    parse_syntax,
    where_error,
)


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
            raise where_error(self.text, f"it gives {_kind(found.type)} instead of true or false")
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
                return self._call(ARITHMETIC[type(operator)], *values)
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
            return self._call(COMPARISONS[type(operator)], left, self._compute(b, table))
        if isinstance(b, ast.List | ast.Tuple):
            equal = [self._call("equal", left, self._compute(item, table)) for item in b.elts]
            found = self._fold("or_kleene", equal) if equal else pa.scalar(False)
        else:
            found = self._function("contains", [self._compute(b, table), left])
        return self._call("invert", found) if isinstance(operator, ast.NotIn) else found

    def _function(self, name: str, values: list[Any]) -> Any:
        _, function = FUNCTIONS[name]
        if not all(_is_text(value.type) for value in values):
            kinds = " and ".join(_kind(value.type) for value in values)
            raise where_error(self.text, f"{name} takes text, not {kinds}")
        patterns = values[1:]
        if not all(isinstance(pattern, pa.Scalar) for pattern in patterns):
            raise where_error(self.text, f"{name} expects a quoted text, not a column")
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
            raise where_error(self.text, " ".join(str(error).split()).rstrip(".")) from None
        except (pa.ArrowNotImplementedError, pa.ArrowTypeError):
            kinds = " and ".join(_kind(v.type) for v in values if not isinstance(v, str))
            what = function.removesuffix("_checked").removesuffix("_kleene")
            raise where_error(self.text, f"{what!r} does not take {kinds}") from None


def parse_where(text: str) -> Where:
    """Parse a condition; its columns are checked later.

    Raises:
        ConfigError: It is not a condition, or uses something that is not allowed.
    """
    tree = parse_syntax(text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    functions = {node.id for node in called if isinstance(node, ast.Name)}
    return Where(text=text, columns=tuple(sorted(names - functions)), _tree=tree)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _kind(kind: pa.DataType) -> str:
    """Return a user-facing name of an Arrow type."""
    if _is_text(kind):
        return "text"
    if pa.types.is_boolean(kind):
        return "true or false"
    return "a number" if pa.types.is_integer(kind) or pa.types.is_floating(kind) else str(kind)
