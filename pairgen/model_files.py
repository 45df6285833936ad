"""The hashes of the files of a finished run's student: no damaged weight is sampled from.

`files.json` beside `model.yaml` maps each file, by its path from the run's folder on, to its
SHA-256. Runs of earlier versions have none, and are read as they are.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.regular_file import read_regular, sha256_of
from pairgen.untrusted.json_text import load_json
from pairgen.untrusted.malformed import MalformedError

FILES = "files.json"


def write_hashes(folder: Path, names: tuple[str, ...]) -> None:
    """Write the hashes of some files of a run, and of all in some folders of it."""
    hashes = {
        path.relative_to(folder).as_posix(): sha256_of(path) for path in _files(folder, names)
    }
    partial = folder / f".{FILES}.partial"
    partial.write_text(json.dumps(hashes, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / FILES)


def remove_hashes(folder: Path) -> None:
    """Remove them, before the files are written anew."""
    (folder / FILES).unlink(missing_ok=True)


def check_hashes(folder: Path) -> None:
    """Check that the files of a run are those that were written.

    Raises:
        ConfigError: One is missing or another, or the hashes cannot be read.
    """
    path = folder / FILES
    if not path.exists():
        return
    try:
        hashes = load_json(read_regular(path))
    except (MalformedError, OSError) as error:
        raise _refused(path, f"cannot be read: {str(error).rstrip('.')}") from None
    if not isinstance(hashes, dict) or not all(isinstance(each, str) for each in hashes.values()):
        raise _refused(path, "holds something else than hashes")
    for name, sha256 in hashes.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise _refused(path, f"names {name!r}, a file outside of the run")
        try:
            found = (folder / name).stat()
            is_same = _known(folder / name, found.st_size, found.st_mtime_ns) == sha256
        except OSError as error:
            raise _refused(folder / name, f"cannot be read: {error.strerror or error}") from None
        if not is_same:
            raise _refused(folder / name, f"is not the file of {FILES}: its SHA-256 differs")


def _refused(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"{path} {reason}. Put it back, or write the student again with --resume; if you changed "
        f"it on purpose, remove {FILES} beside it."
    )


def _files(folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    for name in names:
        found = [folder / name, *sorted((folder / name).rglob("*"))]
        yield from (path for path in found if path.is_file())


@lru_cache(maxsize=1024)
def _known(path: Path, num_bytes: int, changed: int) -> str:
    """Return the hash of a file that commands look up more than once."""
    del num_bytes, changed
    return sha256_of(path)
