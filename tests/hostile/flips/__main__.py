"""Flip bytes, cut, swap and replace files, forge records; print the table of what became of it.

    python -m tests.hostile.flips --flips 2000 --forged 300 [--seed 0]

Runs in one process that forks for each command. Exits with 1 if there is a fault.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.hostile.flips.child import import_all
from tests.hostile.flips.damage import OTHERS, again, flip
from tests.hostile.flips.forged import forgeries
from tests.hostile.flips.made import COMMANDS, DEGRADE, ODE, make_all
from tests.hostile.flips.readers import Target, Words, targets
from tests.hostile.flips.run_cases import Runner, seeded


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=200)
    parser.add_argument("--others", type=int, default=40)
    parser.add_argument("--forged", type=int, default=60)
    parser.add_argument("--every", type=int, default=2, help="cases that run a second command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--made", type=Path, help="folder of what was made before")
    parser.add_argument("--only", default="", help="part of a path, to try a kind of file alone")
    parser.add_argument("--sets", action="store_true", help="leave out trainings")
    asked = parser.parse_args()
    start = time.monotonic()
    import_all()
    with tempfile.TemporaryDirectory(prefix="flips-") as folder:
        made = asked.made or Path(folder) / "made"
        if not made.exists():
            made.mkdir()
            names = [each for each in COMMANDS if not asked.sets or each not in ("pairs", "run")]
            make_all(made, names)
        print(f"made after {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
        runner = Runner(made, Path(folder) / "work")
        found = [each for each in targets(made) if asked.only in each.path]
        if asked.sets:
            found = [each for each in found if each.folders[0] in (ODE, DEGRADE)]
        # Whoever ends it early has the table of what was done.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(_tell(runner)))
        _damage_all(runner, found, asked)
        for number, (target, do) in enumerate(forgeries(found, asked.forged, asked.seed)):
            runner.run(target, "forged", do, _chosen(target, number, asked.every))
        print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
        return _tell(runner)


def _tell(runner: Runner) -> int:
    """Print the table; return the exit code."""
    for line in runner.table.lines():
        print(line)
    for reason, num in sorted(runner.table.unread.items()):
        print(f"unread {num}: {reason}")
    for line in runner.table.faults:
        print(line)
    return 1 if runner.table.faults else 0


def _damage_all(runner: Runner, found: list[Target], asked: argparse.Namespace) -> None:
    """Flip bytes, as many in each kind of file; then damage files in other ways."""
    # Commands that read a run take ten times as long as those that read a set.
    kinds = sorted({each.kind for each in found})
    kinds = [each for each in kinds if each.startswith("set")] * 7 + kinds
    for number in range(asked.flips):
        kind = kinds[number % len(kinds)]
        draws = seeded(asked.seed, "flip", number)
        target = draws.choice([each for each in found if each.kind == kind])
        if (runner.made / target.path).stat().st_size:
            runner.run(
                target,
                "flip",
                again(flip, draws),
                _chosen(target, number // len(kinds), asked.every),
            )
    names = list(OTHERS)
    for number in range(asked.others):
        name = names[number % len(names)]
        draws = seeded(asked.seed, "other", number)
        target = draws.choice(found)
        do = again(OTHERS[name], draws)
        runner.run(target, name, do, _chosen(target, number // len(names), 1))


def _chosen(target: Target, number: int, every: int) -> list[Words]:
    """Return the command that tells what is wrong, and in every so many cases another in turn."""
    first, *others = target.commands
    if not target.is_verified or not others:
        return [target.commands[number % len(target.commands)]]
    return [first, others[number // every % len(others)]] if number % every == 0 else [first]


if __name__ == "__main__":
    sys.exit(main())
