"""Lists of paths: text files with one path in a line."""

import re
from collections.abc import Iterator

from pairgen.errors import ConfigError
from pairgen.filesystems import is_url
from pairgen.redaction import url_without_secrets
from pairgen.sources.paths import AnyPath, open_path
from pairgen.sources.texts.tables import as_text

# A line of BasicSR's lists: a path, height, width and channels, and a class.
_META_INFO = re.compile(r"(.+?) \(\d+, ?\d+, ?\d+\)(?: \d+)?")


def listed_paths(path: AnyPath) -> Iterator[AnyPath]:
    """Yield the paths of a list with one in a line.

    They begin in its folder if not absolute; those of a list behind a URL always do. Lists of
    BasicSR give sizes and classes too, which are passed over.

    Raises:
        ConfigError: A line is a URL: whoever wrote the list would choose what is asked for, and
            its secrets would be recorded as the name of an image.
    """
    for number, line in enumerate(as_text(_content(path)).splitlines(), start=1):
        if line := line.strip():
            if is_url(line):
                raise ConfigError(
                    f"Line {number:,} of {path} is a URL, {url_without_secrets(line)!r}, where a "
                    "path must be: give URLs as values of their own, several by braces."
                )
            found = _META_INFO.fullmatch(line)
            yield path.parent / (found[1] if found else line)


def _content(path: AnyPath) -> bytes:
    with open_path(path) as file:
        return file.read()
