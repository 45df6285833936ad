"""Which modules a user's own parts consist of, and the SHA-256 of each."""

import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import pairgen
from pairgen import plugins
from pairgen.config import texts_in
from pairgen.module_files import find_source, source_of
from pairgen.own_code.imports import imports_of
from pairgen.regular_file import sha256_of
from pairgen.trust import current_trust

# Folders of the standard library, of installed packages, and of pairgen.
_PLACES = (
    *(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    str(Path(pairgen.__file__).parent),
)
_INSTALLED = {"site-packages", "dist-packages"}
# A module keeps the hash of the file that it was loaded from, whatever becomes of the file.
_hashes: WeakKeyDictionary[ModuleType, str] = WeakKeyDictionary()
# The modules of each own part after its first sample or step in this process.
_settled: dict[str, frozenset[str]] = {}


def parts_in(*data: Any) -> frozenset[str]:
    """Return the user's own parts that plain data names, as far as they were loaded."""
    return frozenset(text for each in data for text in texts_in(each)) & plugins.loaded_own().keys()


def modules_of(parts: Iterable[str]) -> dict[str, str]:
    """Return the modules that own parts consist of now, each with its SHA-256.

    These are the parts, what they import, and what was loaded since a part was: each only from
    outside the standard library, installed packages and pairgen.
    """
    names = {name for part in parts for name in _settled.get(part) or _of_part(part)}
    return {name: sha256 for name in sorted(names) if (sha256 := _sha256(name))}


def settle(parts: Iterable[str]) -> None:
    """Take the modules of own parts as they are: a first sample or step was made."""
    for part in parts:
        _settled.setdefault(part, frozenset(_of_part(part)))


def later_than(parts: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return the modules that own parts have loaded beyond those that are known."""
    return sorted({name for part in parts for name in _of_part(part)} - set(known))


def files_to_send(parts: Iterable[str]) -> list[str]:
    """Return the single files of own parts and of what they import, loaded by now or later.

    Packages are not among them: those must lie where every worker finds them.
    """
    todo, found = list(parts), dict[str, Path]()
    while todo:
        name = todo.pop()
        source = find_source(name, current_trust().folders)
        if name in found or source is None or _is_installed(source):
            continue
        found[name] = source
        todo += imports_of(source, name)
    single = {str(each) for name, each in found.items() if "." not in name and each.suffix == ".py"}
    return sorted(each for each in single if Path(each).stem != "__init__")


def sha256_if_readable(source: Path) -> str:
    """Return the SHA-256 of a file; empty if it cannot be read."""
    try:
        return sha256_of(source)
    except OSError:
        return ""


def _of_part(part: str) -> set[str]:
    """Return the modules of a part that are loaded now."""
    loaded = plugins.loaded_own()
    reached = _reached([part])
    since = {name for name in sys.modules.keys() - loaded[part] if _is_own(name)}
    if since <= reached:
        return reached
    # Those that another part has brought belong to it.
    return reached | since - _reached(each for each in loaded if each != part)


def _reached(parts: Iterable[str]) -> set[str]:
    """Return the loaded own modules that parts import, directly or not, with their packages."""
    todo, found = list(parts), set[str]()
    while todo:
        name = todo.pop()
        if name in found or not _is_own(name):
            continue
        found.add(name)
        source = source_of(name)
        todo += imports_of(source, name) if source else ()
        todo += [name.rpartition(".")[0]]
    return found


def _is_own(name: str) -> bool:
    """Whether a name is that of a loaded module from outside all installed packages."""
    if name in ("__main__", "__mp_main__"):
        return False
    sources = (source_of(name), source_of(name.partition(".")[0]))
    return sources[0] is not None and not any(map(_is_installed, filter(None, sources)))


def _is_installed(source: Path) -> bool:
    return (
        not _INSTALLED.isdisjoint(source.parts)
        or source.is_relative_to(_PLACES[-1])
        or any(source.is_relative_to(place) for place in _PLACES[:-1])
    )


def _sha256(name: str) -> str:
    module = sys.modules.get(name)
    source = source_of(name)
    if module is None or source is None:
        return ""
    if module not in _hashes:
        _hashes[module] = sha256_if_readable(source)
    return _hashes[module]
