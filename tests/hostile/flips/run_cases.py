"""Damage files one at a time, and run what reads them."""

import random
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.flips.child import Outcome, run
from tests.hostile.flips.damage import copy
from tests.hostile.flips.judge import FOUND, MAX_SECONDS, UNNOTICED, Undamaged, judged
from tests.hostile.flips.readers import Target, Words
from tests.hostile.flips.unread import why_unread

UNREAD = "unread"


@dataclass
class Table:
    """Counts of what became of each kind of file, and the faults.

    Attributes:
        counts: Kind of file, and kind of damage, to the number of each outcome.
        faults: One line for each fault: how to see it again.
        unread: Reasons why nobody misses what was changed, counted.
    """

    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, damage: str, outcome: str) -> None:
        self.counts.setdefault((kind, damage), Counter())[outcome.partition(":")[0]] += 1

    def lines(self) -> Iterator[str]:
        """Yield the table in Markdown."""
        columns = (FOUND, "refused", UNREAD, UNNOTICED, "FAULT")
        yield "| file | damage | cases | found | refused | unread | unnoticed | faults |"
        yield "|---|---|---|---|---|---|---|---|"
        for (kind, damage), counts in sorted(self.counts.items()):
            numbers = " | ".join(str(counts[name]) for name in columns)
            yield f"| {kind} | {damage} | {counts.total()} | {numbers} |"
        total = sum((counts for counts in self.counts.values()), Counter[str]())
        numbers = " | ".join(str(total[name]) for name in columns)
        yield f"| all | | {total.total()} | {numbers} |"


class Runner:
    """Runs cases on copies of what was made.

    Args:
        made: Folder of all that was made, which stays as it is.
        work: Folder for the copies.
    """

    def __init__(self, made: Path, work: Path) -> None:
        self.made, self.table = made, Table()
        self._work, self._before = work, dict[Words, Undamaged]()

    def run(
        self,
        target: Target,
        damage: str,
        do: Callable[[Path], str],
        commands: Sequence[Words],
    ) -> None:
        """Damage a file and run commands on it, each on a damage of its own copy.

        Args:
            target: The file.
            damage: What kind of damage it is.
            do: Damages the file of a copy, each time alike; returns what it did.
            commands: The commands.
        """
        before = (self.made / target.path).read_bytes()
        outcomes, after, what = [], b"", ""
        for words in commands:
            undamaged = self._undamaged(words, target.folders)
            folder = self._fresh(target.folders)
            what = do(folder / target.path)
            changed = folder / target.path
            is_file = not changed.is_symlink() and changed.is_file()
            after = changed.read_bytes() if is_file else b""
            outcome = run(words, folder, undamaged.seconds + MAX_SECONDS + 5)
            is_verify = words[0] == "verify"
            found = judged(outcome, undamaged, is_verify)
            if found.startswith("FAULT"):
                self._fault(target, damage, what, words, found, outcome)
            outcomes.append(found)
        self.table.add(
            target.kind, damage, self._in_all(target, damage, what, outcomes, before, after)
        )

    def _in_all(
        self,
        target: Target,
        damage: str,
        what: str,
        outcomes: Sequence[str],
        before: bytes,
        after: bytes,
    ) -> str:
        for wanted in ("FAULT", FOUND, "refused"):
            if any(each.startswith(wanted) for each in outcomes):
                return wanted
        if reason := why_unread(target.path, before, after):
            self.table.unread[f"{target.kind}: {reason}"] += 1
            return UNREAD
        self._tell(f"UNNOTICED {damage} of {target.path}: {what}")
        return UNNOTICED

    def _fault(
        self, target: Target, damage: str, what: str, words: Words, found: str, outcome: Outcome
    ) -> None:
        self._tell(f"{found} | {damage} of {target.path}: {what} | pairgen {' '.join(words)}")
        for line in outcome.text.splitlines()[-12:]:
            print(f"    {line}", file=sys.stderr)

    def _tell(self, fault: str) -> None:
        self.table.faults.append(fault)
        print(fault, file=sys.stderr, flush=True)

    def _undamaged(self, words: Words, folders: Sequence[str]) -> Undamaged:
        if words not in self._before:
            outcome = run(words, self._fresh(folders), timeout=300)
            assert outcome.code in (0, 1), f"pairgen {' '.join(words)}: {outcome.text}"
            found = Undamaged(outcome.code, outcome.seconds, outcome.num_bytes)
            self._before[words] = found
        return self._before[words]

    def _fresh(self, folders: Sequence[str]) -> Path:
        folder = self._work / "copy"
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        for name in folders:
            if (self.made / name).exists():
                copy(self.made / name, folder / name)
        return folder


def seeded(*parts: object) -> random.Random:
    """Return draws of their own for a case."""
    return random.Random(" ".join(map(str, parts)))
