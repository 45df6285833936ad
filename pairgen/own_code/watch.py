"""Watches the user's own code while a process makes samples or trains."""

import socket
from collections.abc import Mapping
from typing import Any

from pairgen.own_code.modules import later_than, modules_of, settle
from pairgen.own_code.record import changes, hash_of, modules_in, refuse


class CodeWatch:
    """The code of this process, compared with what is recorded.

    Args:
        parts: The user's own parts that are used; none for pairgen's own only.
        record: The record of the plan or the run.
        accepts: Whether other code than the recorded one may go on.
        what: What it makes, for messages.
    """

    def __init__(
        self, parts: frozenset[str], record: Mapping[str, Any], accepts: bool, what: str
    ) -> None:
        self._parts, self._accepts, self._what = parts, accepts, what
        self._recorded = modules_in(record)
        # There is nothing to settle without own parts.
        self.is_settled = not parts
        self.modules: dict[str, str] = {}
        self.check()

    @property
    def sha256(self) -> str:
        """The one hash of its modules; empty if the user has no own part."""
        return hash_of(self.modules)

    def check(self) -> None:
        """Look at the modules that are loaded now.

        Raises:
            ChangedCodeError: One is not the recorded one.
        """
        self.modules = modules_of(self._parts)
        if not self._accepts:
            where = f" on {socket.gethostname()}"
            refuse(self._what, changes(self._recorded, self.modules), where)

    def sampled(self) -> None:
        """A sample or step was made: what is loaded by now is what is recorded.

        Raises:
            ChangedCodeError: A module is not the recorded one.
        """
        if not self.is_settled:
            self.is_settled = True
            settle(self._parts)
            self.check()

    def told(self) -> dict[str, Any]:
        """Return the modules, and the names of those that were loaded too late to be among them."""
        if not self.modules:
            return {}
        return {"modules": self.modules, "later": later_than(self._parts, self.modules)}
