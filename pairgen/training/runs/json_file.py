"""Small JSON files of a run or a chain: written whole or not at all, read or refused by name."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pairgen.errors import ConfigError
from pairgen.regular_file import read_regular
from pairgen.untrusted.json_text import load_json
from pairgen.untrusted.malformed import shown
from pairgen.untrusted.sealed import OWN_SHA256, check_seal, sealed

Content = TypeVar("Content")


def read_json(path: Path, make: Callable[[dict[str, Any]], Content], what: str) -> Content | None:
    """Return what a file holds; None if there is no file.

    Args:
        path: The file.
        make: Makes the content of the file's object; a ValueError, KeyError or TypeError says what
            is wrong with it.
        what: What the file is, in the message.

    Raises:
        ConfigError: The file cannot be read, or holds something else.
    """
    try:
        text = read_regular(path)
        held = load_json(text)
        if not isinstance(held, dict):
            raise ValueError(f"it must hold an object, got {shown(held)}")
        if OWN_SHA256 in held:
            check_seal(text.rstrip(), held.pop(OWN_SHA256))
        return make(held)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ConfigError(f"{path} is not {what}: {reason.rstrip('.')}.") from None


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file, whole or not at all."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    partial = partial_of(path)
    partial.write_bytes(sealed(text.encode()) + b"\n")
    partial.replace(path)


def partial_of(path: Path) -> Path:
    """Return the file beside a file that a process leaves if it is killed while it writes."""
    return path.with_name(f".{path.name}.partial")
