"""The two files of results, written anew whenever there is more to tell."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

JSON_FILE, TABLE_FILE = "results.json", "results.md"


@dataclass
class Outcome:
    """What is known of one check.

    Attributes:
        name: Of the check.
        title: What it shows.
        state: waiting, running, done, failed, killed or skipped.
        reason: Why it was skipped, killed, or failed.
        seconds: That it took so far.
        limit: Seconds after which it is killed.
        peak_gib: Of its own process, of GPU memory where there is a GPU.
        rows: What it has found, each as `Row.plain` gives it.
    """

    name: str
    title: str
    state: str = "waiting"
    reason: str = ""
    seconds: float = 0.0
    limit: float = 0.0
    peak_gib: float | None = None
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_wrong(self) -> bool:
        """Whether it failed, was killed, or found something wrong."""
        return self.state in ("failed", "killed") or any(row["failed"] for row in self.rows)


@dataclass
class Report:
    """All that is known of a run.

    Attributes:
        facts: How and when it was started.
        outcomes: Of the checks, in order.
        machine: Card and versions, once a check has told them.
    """

    facts: dict[str, Any]
    outcomes: list[Outcome]
    machine: dict[str, str] = field(default_factory=dict)

    def take(self, outcome: Outcome, lines: str) -> None:
        """Take what a check has written so far; a line in work is left out."""
        rows: dict[str, dict[str, Any]] = {}
        for line in lines.splitlines(keepends=True):
            if not line.endswith("\n"):
                break
            (kind, found), *_ = json.loads(line).items()
            if kind == "machine":
                self.machine = found
            elif kind == "row":
                rows[found["name"]] = found
            else:
                outcome.peak_gib, outcome.reason = found["peak_gib"], found["failure"][:400]
        outcome.rows = list(rows.values())

    def write(self, out: Path) -> None:
        """Replace both files."""
        plain = {
            **self.facts,
            "machine": self.machine,
            "checks": [asdict(outcome) for outcome in self.outcomes],
        }
        _replace(out / JSON_FILE, json.dumps(plain, indent=1, allow_nan=False) + "\n")
        _replace(out / TABLE_FILE, self.table())

    def table(self) -> str:
        """Return the results as Markdown."""
        facts = {**self.facts, **self.machine}
        lines = ["# GPU check", "", ", ".join(f"{key} {value}" for key, value in facts.items()), ""]
        lines += _head("check", "state", "seconds", "limit", "peak GiB")
        for each in self.outcomes:
            state = f"{each.state}: {each.reason}" if each.reason else each.state
            peak = "" if each.peak_gib is None else f"{each.peak_gib:.1f}"
            lines += _row(each.name, state, f"{each.seconds:.0f}", f"{each.limit:.0f}", peak)
        for each in self.outcomes:
            if each.rows:
                lines += ["", f"## {each.name}: {each.title}", ""]
                lines += _head("what", "figure", "unit", "note")
                for row in each.rows:
                    lines += _row(row["name"], row["figure"], row["unit"], row["note"])
        return "\n".join(lines) + "\n"


def _head(*cells: str) -> list[str]:
    return [*_row(*cells), "|" + "---|" * len(cells)]


def _row(*cells: object) -> list[str]:
    return [f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"]


def _replace(file: Path, text: str) -> None:
    part = file.with_name(f"{file.name}.part")
    with part.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)
