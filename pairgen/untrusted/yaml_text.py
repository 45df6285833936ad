"""Read YAML that may be made to be large, deep or endless once it is read.

An alias repeats what its anchor holds: nine of them inside each other make a thousand million
values of one kilobyte. So nodes are counted as if every alias were written out.
"""

from typing import Any

import yaml

from pairgen.untrusted.malformed import MalformedError

MAX_BYTES = 4 * 1024**2
MAX_NODES = 200_000
MAX_DEPTH = 50
MAX_DIGITS = 100
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# What PyYAML raises beside its own errors: dates and numbers that cannot be, keys that are lists.
_RAISED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


def load_yaml(text: str | bytes) -> Any:
    """Return what a YAML text holds, as plain data.

    Raises:
        MalformedError: It is not YAML, or larger or deeper than any file of pairgen.
    """
    if len(text) > MAX_BYTES:
        raise MalformedError(f"it has {len(text):,} bytes, the most allowed are {MAX_BYTES:,}")
    try:
        loader = _Loader(text if isinstance(text, str) else text.decode())
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except (yaml.YAMLError, *_RAISED) as error:
        raise MalformedError(_told(error)) from None


def _told(error: Exception) -> str:
    """Return what is wrong, and where; the library's own text quotes lines in the midst."""
    if not isinstance(error, yaml.MarkedYAMLError) or (mark := error.problem_mark) is None:
        return " ".join(str(error).split()) or type(error).__name__
    told = ", ".join(filter(None, (error.context, error.problem)))
    return f"{' '.join(told.split())}, in line {mark.line + 1}, column {mark.column + 1}"


class _Loader(yaml.SafeLoader):
    """Counts nodes and depth while it composes."""

    def __init__(self, stream: str | bytes) -> None:
        super().__init__(stream)
        self._depth = self._num_nodes = 0
        # Number of nodes of each anchor that is complete.
        self._sizes: dict[str, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        before = self._num_nodes
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self.anchors and event.anchor not in self._sizes:
                raise yaml.YAMLError("an alias lies inside its own anchor")
            self._num_nodes += self._sizes.get(str(event.anchor), 1)
        else:
            self._num_nodes += 1
        if self._num_nodes > MAX_NODES:
            raise yaml.YAMLError(f"it holds more than {MAX_NODES:,} values")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.YAMLError(f"it is more than {MAX_DEPTH} levels deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if not isinstance(event, yaml.AliasEvent) and event.anchor is not None:
            self._sizes[event.anchor] = self._num_nodes - before
        return node

    def compose_scalar_node(self, anchor: dict[Any, yaml.Node]) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if node.tag in _NUMBERS and len(node.value) > MAX_DIGITS:
            raise yaml.YAMLError(f"it holds a number of {len(node.value):,} digits")
        if not node.value.isascii():
            # Lone surrogates, which no file and no terminal takes.
            node.value.encode()
        return node
