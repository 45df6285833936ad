"""The user's own code behind the samples of a set: compared before a run, recorded after it."""

from dataclasses import replace
from typing import Any, cast

from pairgen.config import texts_in
from pairgen.errors import ConfigError
from pairgen.execution.events import Events
from pairgen.execution.say import Say
from pairgen.kinds.run_options import MakingOptions
from pairgen.module_files import find_source
from pairgen.own_code.modules import modules_of, parts_in
from pairgen.own_code.record import (
    NOT_RECORDED,
    SHORT,
    changes,
    modules_in,
    record_of,
    refuse,
    replaced,
    seen,
    with_more,
)
from pairgen.receipts import Receipt
from pairgen.shards.format.manifest import is_untouched
from pairgen.shards.format.plan_file import has_plan, read_plan, write_plan
from pairgen.shards.storage.store import Store
from pairgen.trust import current_trust
from pairgen.types import Plan


def parts_of(plan: Plan) -> frozenset[str]:
    """Return the user's own parts that make the samples of a plan, as far as they are loaded."""
    return parts_in(plan.recipe, plan.teacher.get("module", ""))


def check_found(store: Store, plan: Plan) -> None:
    """Refuse to make samples again with own code that is not here; nothing is imported.

    Raises:
        ConfigError: A module that the plan records is not found.
    """
    folders = current_trust().folders
    named = {*texts_in(plan.recipe), plan.teacher.get("module", "")}
    for name, sha256 in modules_in(plan.code).items():
        # What they import may have changed, and is found or missed when it is imported.
        if name in named and find_source(name, folders) is None:
            first, dot, _ = name.partition(".")
            lies = f"the package {first}" if dot else f"{name}.py"
            raise ConfigError(
                f"{store.url} was made with your own module {name!r} (SHA-256 {sha256[:SHORT]}), "
                f"which is not found here: run the command in the folder that holds {lies}, or add "
                "that folder to PYTHONPATH."
            )


def with_code(store: Store, plan: Plan, options: MakingOptions, say: Say) -> Plan:
    """Return a plan with the user's own code recorded; call this before anything is written.

    Args:
        store: The dataset folder.
        plan: The plan that is about to be written.
        options: Whether changed code is accepted.
        say: Called if code was not recorded so far, or if changed code is accepted.

    Raises:
        ChangedCodeError: The samples of the folder were made by other code.
    """
    modules = modules_of(parts_of(plan))
    if not (modules or plan.code):
        # Nothing of it is the user's own: the store need not be asked.
        return plan
    if not has_plan(store) or is_untouched(store):
        return replace(plan, code=record_of(modules))
    before = read_plan(store).code
    recorded = modules_in(before)
    if not recorded:
        if modules:
            say(f"{store.url} {NOT_RECORDED}")
        return replace(plan, code=record_of(modules))
    now = seen(recorded, modules, current_trust().folders)
    different = changes(recorded, now)
    if different and not options.accept_changed_code:
        refuse(store.url, different)
    if different:
        say(f"Changed code is accepted: {', '.join(different)}.")
        return replace(plan, code=replaced(before, now))
    return replace(plan, code=with_more(before, modules))


class CodeOfRun:
    """Collects the code of the shards that a run has made, beside its other events."""

    def __init__(self, store: Store, plan: Plan, events: Events) -> None:
        self.plan = plan
        self._store, self._events = store, events
        self._later: set[str] = set()

    @property
    def events(self) -> Events:
        """The callbacks to give to an executor."""
        return cast(Events, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._events, name)

    def finished(self, worker: str, result: Any) -> None:
        """A worker finished its task: record code that the plan does not have yet."""
        if isinstance(result, Receipt) and result.code:
            self._later.update(result.code["later"])
            code = with_more(self.plan.code, result.code["modules"])
            if code != self.plan.code:
                self.plan = replace(self.plan, code=code)
                # Another part may have made the plan longer.
                write_plan(self._store, replace(read_plan(self._store), code=code))
        self._events.finished(worker, result)

    def say_later(self) -> None:
        """Name the modules that no hash covers."""
        if self._later:
            self._events.note(
                f"Imported after the first sample, so not covered by the recorded code: "
                f"{', '.join(sorted(self._later))}."
            )
