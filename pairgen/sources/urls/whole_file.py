"""Write a file that nobody sees before it is whole."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """Yield a file to write, which gets its name at the end; an error leaves nothing of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number, partial = tempfile.mkstemp(dir=target.parent)
    try:
        with os.fdopen(number, "wb") as out:
            yield out
        os.replace(partial, target)
    finally:
        Path(partial).unlink(missing_ok=True)
