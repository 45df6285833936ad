"""Lists of paths: text files with one path in a line."""

import re
from collections.abc import Iterator

from pairgen.sources.paths import AnyPath
from pairgen.sources.texts.tables import as_text

# A line of BasicSR's lists: a path, height, width and channels, and a class.
_META_INFO = re.compile(r"(.+?) \(\d+, ?\d+, ?\d+\)(?: \d+)?")


def listed_paths(path: AnyPath) -> Iterator[AnyPath]:
    """Yield the paths of a list with one in a line; they begin in its folder if not absolute.

    Lists of BasicSR give sizes and classes too, which are passed over.
    """
    for line in as_text(path.read_bytes()).splitlines():
        if line := line.strip():
            found = _META_INFO.fullmatch(line)
            yield path.parent / (found[1] if found else line)
