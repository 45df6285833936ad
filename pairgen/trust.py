"""Decide whose code may run: pairgen's own, and the modules that the user has named.

A dataset, a run or a model folder can name a module too: its plan or `model.yaml` says which
teacher made it. Such a folder may come from a stranger, and importing a module runs its code. So a
module outside pairgen is imported only by a command whose user has named it, or trusts all code.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from pairgen.errors import UntrustedCodeError


@dataclass(frozen=True)
class Trust:
    """What a command may import, as plain data that can be sent with a job.

    Attributes:
        modules: Dotted names of the modules that the user has named.
        everything: Whether the user trusts all modules that data names.
        folder: Folder to search for these modules after all others; empty for none.
    """

    modules: frozenset[str] = frozenset()
    everything: bool = False
    folder: str = ""


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
    )
    token = _current.set(both)
    try:
        # Search the folder only then: ordinary imports must not find modules in a folder of data.
        with _searched(both.folder if both.everything or both.modules else ""):
            yield
    finally:
        _current.reset(token)


def named_by_user(modules: Iterable[str], everything: bool) -> Trust:
    """Return the trust of a command that was started in the working directory.

    Args:
        modules: Modules that the user has named; those without a dot are pairgen's own.
        everything: Whether `--trust-code` was given.
    """
    return Trust(frozenset(name for name in modules if "." in name), everything, os.getcwd())


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
def _searched(folder: str) -> Iterator[None]:
    """Search for modules in a folder too, after all other places."""
    if not folder or folder in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
