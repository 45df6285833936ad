"""What `verify` found: problems, each with a place, and facts that are not problems."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# More rows of one kind than this say nothing more.
MAX_ROWS_PER_KIND = 20


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: A short stable word: `sha256`, `gap`, `equal noise` ...
        where: The file, or `whole set`.
        detail: What was found; how many samples and the first key, when samples are wrong.
        shard_index: The shard to make again, or to remove when no task names it. None when that
            mends nothing.
    """

    kind: str
    where: str
    detail: str
    shard_index: int | None = None


class Tally:
    """Counts the problems of one shard's samples: a million bad samples make a few lines."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[int, str, str]] = {}

    def add(self, kind: str, subject: str, key: str, example: str = "") -> None:
        """Count a problem.

        Args:
            kind: As in `Problem`.
            subject: What is wrong, without the sample's own values; each makes one line.
            key: Of the sample.
            example: The sample's values; shown for the first one.
        """
        count, first, shown = self._found.get((kind, subject), (0, key, example))
        self._found[kind, subject] = (count + 1, first, shown)

    def problems(self, where: str, shard_index: int) -> list[Problem]:
        """Return one problem a subject."""
        return [
            Problem(kind, where, _detail(subject, *found), shard_index)
            for (kind, subject), found in self._found.items()
        ]


@dataclass(frozen=True, kw_only=True)
class Report:
    """The outcome of `verify`.

    Attributes:
        problems: All that is wrong.
        num_samples: Samples found in the tars.
        num_shards: Shards of the plan.
        num_bytes: Bytes of the tars that were read.
        noise_mean_z: Mean of all noise values, in standard errors; None without noise.
        noise_variance_z: Variance of all noise values minus 1, in standard errors.
        mixes: What differs between receipts (device, versions ...) and its values.
    """

    problems: tuple[Problem, ...] = ()
    num_samples: int
    num_shards: int
    num_bytes: int
    noise_mean_z: float | None = None
    noise_variance_z: float | None = None
    mixes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    @property
    def bad_shards(self) -> tuple[int, ...]:
        """Shards that `repair` must make again, in order."""
        found = {problem.shard_index for problem in self.problems}
        return tuple(sorted(index for index in found if index is not None))

    def table(self) -> str:
        """Return the report as plain text: kind, where, what; then the facts."""
        rows = [("kind", "where", "what"), *self._rows()] if self.problems else []
        widths = [max((len(row[i]) for row in rows), default=0) for i in range(2)]
        lines = [f"{kind:{widths[0]}}  {where:{widths[1]}}  {what}" for kind, where, what in rows]
        return "\n".join([*lines, *([""] if lines else []), *self._facts()])

    def _rows(self) -> list[tuple[str, str, str]]:
        rows, shown = [], dict[str, int]()
        for problem in self.problems:
            shown[problem.kind] = shown.get(problem.kind, 0) + 1
            if shown[problem.kind] <= MAX_ROWS_PER_KIND:
                rows.append((problem.kind, problem.where, problem.detail))
        hidden = {kind: count - MAX_ROWS_PER_KIND for kind, count in shown.items()}
        rows += [(kind, "...", f"and {n:,} more") for kind, n in hidden.items() if n > 0]
        return rows

    def _facts(self) -> list[str]:
        lines = [
            f"{self.num_shards:,} shards, {self.num_samples:,} samples, {self.num_bytes:,} bytes."
        ]
        if self.noise_mean_z is not None and self.noise_variance_z is not None:
            lines.append(
                f"Noise: mean {self.noise_mean_z:+.2f}, variance {self.noise_variance_z:+.2f} "
                "standard errors from 0 and 1."
            )
        lines += [f"Mixed {name}: {'; '.join(values)}." for name, values in self.mixes.items()]
        if self.clean:
            return [*lines, "Clean."]
        verdict = f"Not clean: {_counted(len(self.problems), 'problem')}"
        if self.bad_shards:
            bad = _counted(len(self.bad_shards), "shard")
            verdict += f", {bad} for `pairgen repair` to make again"
        return [*lines, verdict + "."]


def _counted(num: int, noun: str) -> str:
    return f"{num:,} {noun}{'' if num == 1 else 's'}"


def _detail(subject: str, count: int, first: str, example: str) -> str:
    which = f"sample {first}" if count == 1 else f"{count:,} samples, first {first}"
    return f"{subject}: {which}" + (f" ({example})" if example else "")
