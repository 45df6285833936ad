"""What a source holds and is not taken, counted by kind, so that nothing is lost in silence."""

import re
from collections import Counter
from pathlib import Path, PurePath

from pairgen.errors import StoreError
from pairgen.regular_file import open_regular
from pairgen.sources.urls.path import UrlPath

APPLE_DOUBLE = "AppleDouble file"

# How the names of the files begin in which macOS keeps what other file systems cannot, and how
# these files begin.
_APPLE_DOUBLE, _APPLE_MAGIC = "._", b"\0\5\x16\7"


def hidden_kind(name: str) -> str:
    """Return the kind of a file whose name begins with a dot."""
    if name.startswith(_APPLE_DOUBLE):
        return APPLE_DOUBLE
    suffix = PurePath(name).suffix.lower()
    return f"hidden {suffix}" if suffix else "hidden file"


def is_apple_double(path: Path | UrlPath) -> bool:
    """Whether a file is no image, whatever its suffix, but what macOS keeps beside one."""
    if not path.name.startswith(_APPLE_DOUBLE):
        return False
    try:
        with open_regular(path) if isinstance(path, Path) else path.open("rb") as file:
            return file.read(len(_APPLE_MAGIC)) == _APPLE_MAGIC
    except StoreError:
        raise
    except OSError:
        return False


class PassedOver:
    """Counts what is passed over.

    Attributes:
        counts: Number of each kind: a suffix such as `.mp4`, `hidden .jpg`, or words.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def file(self, name: str) -> None:
        """Count a file by its suffix."""
        self.counts[PurePath(name).suffix.lower() or "file without a suffix"] += 1

    def add(self, kind: str, number: int = 1) -> None:
        """Count something else; `kind` is in the singular."""
        self.counts[kind] += number

    def __str__(self) -> str:
        """Return the counts, the largest first: `3 .mp4, 2 links in tars`; empty for none."""
        found = sorted(self.counts.items(), key=lambda each: (-each[1], each[0]))
        return ", ".join(f"{number:,} {_plural(kind, number)}" for kind, number in found if number)


def _plural(kind: str, number: int) -> str:
    if number == 1 or kind.startswith((".", "hidden .")):
        return kind
    noun = re.split(" (?:in|of|that|without) ", kind, maxsplit=1)[0]
    return f"{noun}s{kind.removeprefix(noun)}"
