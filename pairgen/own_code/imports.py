"""What the source of a module imports, anywhere in it, found without running it."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path


@functools.cache
def imports_of(source: Path, name: str) -> frozenset[str]:
    """Return the names that a module may import: modules, and what may be one.

    Args:
        source: Its file.
        name: Its dotted name; relative imports are resolved by it.
    """
    try:
        tree = ast.parse(source.read_bytes())
    except (OSError, SyntaxError, ValueError):
        # What is no source imports nothing that could be seen.
        return frozenset()
    package = name.split(".") if source.stem == "__init__" else name.split(".")[:-1]
    return frozenset(_imported(tree, package))


def _imported(tree: ast.Module, package: list[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            # A name of a package may be a module in it.
            yield from (f"{module}.{alias.name}" for alias in node.names)
