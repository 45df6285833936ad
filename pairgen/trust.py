"""Decide whose code may run: pairgen's own, and the modules that the user has named.

A dataset, a run or a model folder can name a module too: its plan or `model.yaml` says which
teacher made it. Such a folder may come from a stranger, and importing a module runs its code. So a
module outside pairgen is imported only by a command whose user has named it, or trusts all code.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from pairgen.errors import UntrustedCodeError
from pairgen.module_files import folder_of


@dataclass(frozen=True)
class Trust:
    """What a command may import, as plain data that can be sent with a job.

    Attributes:
        modules: Dotted names of the modules that the user has named.
        everything: Whether the user trusts all modules that data names.
        folder: Folder to search for these modules after all others; empty for none.
        beside: Further folders, which are searched after that one.
        files: Names of modules that the user has named by their files, and these files.
    """

    modules: frozenset[str] = frozenset()
    everything: bool = False
    folder: str = ""
    beside: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()

    @property
    def folders(self) -> list[str]:
        """The folders to search, in order."""
        return list(dict.fromkeys(each for each in (self.folder, *self.beside) if each))


# Applies outside of commands: no modules are named.
NO_TRUST = Trust()
_current: ContextVar[Trust] = ContextVar("pairgen_trust", default=NO_TRUST)


def current_trust() -> Trust:
    """Return what may be imported now."""
    return _current.get()


@contextmanager
def trusting(trust: Trust) -> Iterator[None]:
    """Allow imports of the modules of `trust`, in addition to those already allowed."""
    before = _current.get()
    both = Trust(
        modules=before.modules | trust.modules,
        everything=before.everything or trust.everything,
        folder=trust.folder or before.folder,
        beside=(*before.beside, *trust.beside),
        files=(*before.files, *trust.files),
    )
    token = _current.set(both)
    try:
        # Search the folders only then: ordinary imports must not find modules in a folder of data.
        with _searched(both.folders if both.everything or both.modules else []):
            yield
    finally:
        _current.reset(token)


def named_by_user(
    modules: Iterable[str],
    everything: bool,
    files: Mapping[str, Path] = MappingProxyType({}),
    beside: Iterable[str] = (),
) -> Trust:
    """Return the trust of a command that was started in the working directory.

    Args:
        modules: Modules that the user has named; those without a dot are pairgen's own.
        everything: Whether `--trust-code` was given.
        files: Further modules, of any name, and the files that they lie in.
        beside: Folders of the user's own configs, which may hold modules too.
    """
    named = frozenset(name for name in modules if "." in name)
    return Trust(
        modules=named | files.keys(),
        everything=everything,
        folder=os.getcwd(),
        beside=tuple(dict.fromkeys([*map(folder_of, files.values()), *beside])),
        files=tuple((name, str(file)) for name, file in files.items()),
    )


def check_trusted(module: str) -> None:
    """Refuse to import a module that only data has named.

    Raises:
        UntrustedCodeError: The module is outside pairgen, and the user has not named it.
    """
    trust = current_trust()
    if module.startswith("pairgen.") or trust.everything or module in trust.modules:
        return
    raise UntrustedCodeError(
        f"The module {module!r} is outside pairgen and named by a dataset, run or model folder, "
        "not by you; importing it runs its code. If you trust it, add --trust-code (in Python, "
        "trust_code=True)."
    )


@contextmanager
def _searched(folders: Iterable[str]) -> Iterator[None]:
    """Search for modules in folders too, after all other places."""
    added = [folder for folder in folders if folder not in sys.path]
    sys.path += added
    try:
        yield
    finally:
        for folder in added:
            sys.path.remove(folder)
