"""The outcome of `verify`: problems, each with a place, and facts that are not problems."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pairgen.shards.format.layout import SPOOL
from pairgen.shown import Shown, ShownTable
from pairgen.wording import counted

# Kind of files that the store could not read: they may be sound, so `repair` leaves them alone.
NOT_READ = "not read"
REDO_OVERLAY = "run the command that made this overlay again"
# More rows of one kind add no information.
MAX_ROWS_PER_KIND = 20
# Problems to keep per kind; the rest are counted, so that even a dataset that is bad from end to
# end gets a report.
MAX_KEPT_PER_KIND = 1000
# Subjects per kind in one shard; foreign json can have a new key in every sample.
MAX_SUBJECTS_PER_KIND = 20
MAX_EXAMPLE_CHARACTERS = 200


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: A short, stable word: `sha256`, `gap`, `equal noise` ...
        where: Path of the file, or `whole set`.
        detail: What was found; for bad samples, how many there are and the first key.
        shard_index: The shard to make again, or to remove if no task names it. None if that fixes
            nothing.
    """

    kind: str
    where: str
    detail: str
    shard_index: int | None = None


def not_read(where: str, error: OSError) -> Problem:
    """Return the problem of a file that the store could not read; it may be sound."""
    return Problem(NOT_READ, where, f"the store could not be read: {error}")


class Tally:
    """Counts the problems of one shard's samples, so a million bad samples make a few lines."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[int, str, str]] = {}
        self._num_subjects: Counter[str] = Counter()

    def add(self, kind: str, subject: str, key: str, example: str = "") -> None:
        """Count a problem.

        Args:
            kind: Kind of the problem, as in `Problem`.
            subject: What is wrong, without the sample's own values; each subject makes one line.
            key: Key of the sample.
            example: The sample's values; shown for the first one.
        """
        if (kind, subject) not in self._found:
            if self._num_subjects[kind] >= MAX_SUBJECTS_PER_KIND:
                subject = "more problems of this kind"
            self._num_subjects[kind] += 1
        shown = example[:MAX_EXAMPLE_CHARACTERS]
        count, first, shown = self._found.get((kind, subject), (0, key, shown))
        self._found[kind, subject] = (count + 1, first, shown)

    def problems(self, where: str, shard_index: int) -> list[Problem]:
        """Return one problem per subject."""
        return [
            Problem(kind, where, counted_detail(subject, *found), shard_index)
            for (kind, subject), found in self._found.items()
        ]


class Problems:
    """Collects the problems of a dataset: the first ones of each kind, and their number."""

    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.num_by_kind: Counter[str] = Counter()
        self._bad_shards: set[int] = set()

    def add(self, problems: Iterable[Problem]) -> None:
        """Add problems, in the order of the report."""
        for problem in problems:
            self.num_by_kind[problem.kind] += 1
            if self.num_by_kind[problem.kind] <= MAX_KEPT_PER_KIND:
                self.kept.append(problem)
            if problem.shard_index is not None:
                self._bad_shards.add(problem.shard_index)

    @property
    def bad_shards(self) -> tuple[int, ...]:
        """Shards that `repair` must make again, in order."""
        return tuple(sorted(self._bad_shards))


@dataclass(frozen=True, kw_only=True, repr=False)
class Report(Shown):
    """The outcome of `verify`.

    Attributes:
        problems: What is wrong: the first `MAX_KEPT_PER_KIND` problems of each kind.
        num_by_kind: Kind to its number of problems.
        bad_shards: Shards that `repair` must make again, in order.
        num_shards: Number of shards in the plan.
        num_recorded_samples: Samples in the plan's shards, according to their receipts.
        num_recorded_bytes: Bytes of their tars, according to their receipts.
        num_read: Number of shards whose tars were read.
        num_samples: Number of samples found in these tars.
        num_checked: Number of these samples that were checked one by one.
        num_bytes: Bytes of these tars.
        unread: What was not checked, in words; empty if everything was.
        interrupted: Whether the user stopped the check.
        noise_mean_z: Mean of all noise values, in standard errors; None without noise.
        noise_variance_z: Variance of all noise values minus 1, in standard errors.
        mixes: Settings that differ between receipts (device, versions ...), with their values.
        code: Hashes of the user's own code, each with the shards that it has made.
        lag: What an overlay does not cover yet of its parent, and what to run; empty for nothing.
        num_left: Number of files in the folder that ended processes were writing.
        num_bytes_left: Bytes of these.
    """

    problems: tuple[Problem, ...] = ()
    num_by_kind: Mapping[str, int] = field(default_factory=dict)
    bad_shards: tuple[int, ...] = ()
    num_shards: int
    num_recorded_samples: int
    num_recorded_bytes: int
    num_read: int
    num_samples: int
    num_checked: int
    num_bytes: int
    unread: tuple[str, ...] = ()
    interrupted: bool = False
    noise_mean_z: float | None = None
    noise_variance_z: float | None = None
    mixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    lag: str = ""
    num_left: int = 0
    num_bytes_left: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong with what was checked."""
        return not self.problems

    def shown(self) -> ShownTable:
        """Return the verdict and the first problems; `table()` has all of them."""
        *facts, verdict = self._facts()
        title = f"Report: {verdict}"
        if self.clean:
            return ShownTable(title, [(fact,) for fact in facts])
        rows = [*self._rows(), *(("", "", fact) for fact in facts)]
        return ShownTable(title, rows, ("kind", "where", "what"))

    def table(self) -> str:
        """Return the report as plain text: a table of kind, where and what, then the facts."""
        rows = [("kind", "where", "what"), *self._rows()] if self.problems else []
        widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
        lines = [f"{kind:{widths[0]}}  {where:{widths[1]}}  {what}" for kind, where, what in rows]
        return "\n".join([*lines, *([""] if lines else []), *self._facts()])

    def _rows(self) -> list[tuple[str, str, str]]:
        rows, shown = [], Counter[str]()
        for problem in self.problems:
            shown[problem.kind] += 1
            if shown[problem.kind] <= MAX_ROWS_PER_KIND:
                rows.append((problem.kind, problem.where, problem.detail))
        hidden = {kind: num - MAX_ROWS_PER_KIND for kind, num in self.num_by_kind.items()}
        rows += [(kind, "...", f"and {n:,} more") for kind, n in hidden.items() if n > 0]
        return rows

    def _facts(self) -> list[str]:
        lines = [self._counts(), *([self.lag] if self.lag else [])]
        if self.noise_mean_z is not None and self.noise_variance_z is not None:
            lines.append(
                f"Noise: mean {self.noise_mean_z:+.2f}, variance {self.noise_variance_z:+.2f} "
                "standard errors from 0 and 1."
            )
        lines += [f"Mixed {name}: {'; '.join(values)}." for name, values in self.mixes.items()]
        lines += [f"Own code {told}." for told in self.code]
        if self.num_left:
            lines.append(
                f"Left over: {counted(self.num_left, 'file')} of {self.num_bytes_left:,} bytes in "
                f"{SPOOL}, of processes that have ended; the next run removes what is left over."
            )
        lines += [f"Not checked: {unread}." for unread in self.unread]
        if self.clean:
            return [*lines, self._clean_as_far_as_read() if self.unread else "Clean."]
        verdict = f"Not clean: {counted(sum(self.num_by_kind.values()), 'problem')}"
        if self.bad_shards:
            bad = counted(len(self.bad_shards), "shard")
            verdict += f", {bad} for `pairgen repair` to make again"
        if num_not_read := self.num_by_kind.get(NOT_READ):
            verdict += f"; {num_not_read:,} could not be read and may be sound: verify again"
        return [*lines, verdict + "."]

    def _counts(self) -> str:
        checked = ""
        if self.num_checked != self.num_samples:
            checked = f" ({self.num_checked:,} of them checked one by one)"
        read = f"{counted(self.num_samples, 'sample')}{checked}, {self.num_bytes:,} bytes."
        if not self.unread:
            return f"{counted(self.num_shards, 'shard')}, {read}"
        return (
            f"{counted(self.num_shards, 'shard')}; by their receipts "
            f"{counted(self.num_recorded_samples, 'sample')}, "
            f"{self.num_recorded_bytes:,} bytes. Read: {counted(self.num_read, 'shard')}, {read}"
        )

    def _clean_as_far_as_read(self) -> str:
        read = "receipts, names and sizes"
        if self.num_read:
            read += f"; {counted(self.num_checked, 'sample')} of {counted(self.num_read, 'shard')}"
        return f"Clean as far as read: {read}."


def short(value: Any) -> str:
    """Return a value, shortened to fit in a line."""
    try:
        text = repr(value)
    except RecursionError:
        # It was read with a few calls less on the stack.
        text = f"a deep {type(value).__name__}"
    return text if len(text) <= 40 else text[:37] + "..."


def counted_detail(subject: str, count: int, first: str, example: str) -> str:
    """Describe a problem with the number of samples and the key of the first one."""
    which = f"sample {first}" if count == 1 else f"{count:,} samples, first {first}"
    return f"{subject}: {which}" + (f" ({example})" if example else "")
