"""Whose code may run: pairgen's own, and the modules that the user has named.

A set, a run or a model's folder can name a module too: its plan or `model.yaml` says which teacher
made it. Such a folder may come from a stranger, and importing a module runs its code. So a module
outside pairgen is imported only while a command runs whose user has named it, or trusts all.
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
    """What a command may import; plain data, so that it travels with a job.

    Attributes:
        modules: Dotted names of the modules that the user has named.
        everything: Whether the user trusts what data names.
        folder: Searched for these modules after all others; empty for none.
    """

    modules: frozenset[str] = frozenset()
    everything: bool = False
    folder: str = ""


# Outside of any command: nobody has named anything.
NO_TRUST = Trust()
_current: ContextVar[Trust] = ContextVar("pairgen_trust", default=NO_TRUST)


def current_trust() -> Trust:
    """Return what may be imported now."""
    return _current.get()


@contextmanager
def trusting(trust: Trust) -> Iterator[None]:
    """Let the modules of `trust` be imported, and those that could be before."""
    before = _current.get()
    both = Trust(
        modules=before.modules | trust.modules,
        everything=before.everything or trust.everything,
        folder=trust.folder or before.folder,
    )
    token = _current.set(both)
    try:
        # Only then: a folder of data must not be where an ordinary import finds something.
        with _searched(both.folder if both.everything or both.modules else ""):
            yield
    finally:
        _current.reset(token)


def named_by_user(modules: Iterable[str], everything: bool) -> Trust:
    """Return the trust of a command whose user stands in the working directory.

    Args:
        modules: That the user has named; those without a dot are pairgen's own.
        everything: Whether `--trust-code` was given.
    """
    return Trust(frozenset(name for name in modules if "." in name), everything, os.getcwd())


def check_trusted(module: str) -> None:
    """Refuse to import a module that only data has named.

    Raises:
        UntrustedCodeError: It is outside pairgen, and the user has not named it.
    """
    trust = current_trust()
    if module.startswith("pairgen.") or trust.everything or module in trust.modules:
        return
    raise UntrustedCodeError(
        f"The module {module!r} is outside pairgen and named by a set, run or model folder, not by "
        "you; importing it runs its code. If you trust it, give --trust-code (in Python "
        "trust_code=True)."
    )


@contextmanager
def _searched(folder: str) -> Iterator[None]:
    """Look for modules in a folder too, after everywhere else."""
    if not folder or folder in sys.path:
        yield
        return
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
