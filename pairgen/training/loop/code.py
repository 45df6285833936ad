"""The user's own code behind a training: compared when it continues, recorded after its steps."""

from collections.abc import Mapping
from typing import Any

from pairgen.own_code.record import changes, modules_in, refuse, replaced, seen, with_more
from pairgen.own_code.watch import CodeWatch
from pairgen.trust import current_trust


class CodeOfTraining:
    """The code of a run: what its checkpoint records, and what is loaded now.

    Args:
        parts: The user's own parts that are used; none for pairgen's own only.
        before: What the checkpoint records; empty for a new run, or one without a record.
        accepts: Whether changed code may go on.
        what: The run, for messages.

    Raises:
        ChangedCodeError: The code is not the recorded one.
    """

    def __init__(
        self, parts: frozenset[str], before: Mapping[str, Any], accepts: bool, what: str
    ) -> None:
        self._watch = CodeWatch(parts, {}, True, what)
        recorded = modules_in(before)
        now = seen(recorded, self._watch.modules, current_trust().folders)
        self.changes = changes(recorded, now)
        if not accepts:
            refuse(what, self.changes)
        self._before, self._accepts, self._what = before, accepts, what
        self.is_recorded = bool(recorded)
        self.record: dict[str, Any] = {}
        self._take()

    @property
    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of it; nothing without own code."""
        return {"code": self.record} if self.record else {}

    def stepped(self) -> None:
        """A step was made: what is loaded by the first one is what is recorded.

        Raises:
            ChangedCodeError: The first step has loaded code that is not the recorded one.
        """
        if not self._watch.is_settled:
            self._watch.sampled()
            if not self._accepts:
                refuse(self._what, changes(modules_in(self._before), self._watch.modules))
            self._take()

    def later(self) -> list[str]:
        """Return the modules that were loaded too late to be recorded."""
        return list(self._watch.told().get("later", ()))

    def _take(self) -> None:
        now = self._watch.modules
        if changes(modules_in(self._before), now):
            self.record = replaced(self._before, now)
        else:
            self.record = with_more(self._before, now)


# Of whoever uses pairgen's own parts only.
NO_CODE = CodeOfTraining(frozenset(), {}, accepts=False, what="")
