"""The five methods of pairgen, with their teacher and what they are compared to, on two tables.

    python pipelines/five_methods.py --out five-methods

1. the students of the five studies (`ladd.py`, `add.py`, `osediff.py`, `yonos.py`, `codi.py`), with
   their options, seed 0 and most steps: those that stand in `~/.cache/pairgen/runs` are taken,
   others trained;
2. text to image: `regression`, Diffusion2GAN, LADD and ADD, and the teacher in 1, 2, 4 and 50
   steps, on pairs of the teacher with other noises than any student has seen;
3. super-resolution of painted pictures from 8 px to 64: bicubic interpolation, OSEDiff, YONOS-SR
   with its tuned decoder, and CoDi in one step and four. YONOS-SR has learned from nested levels,
   the others from LR that is made from HR at once; all are given nested LR here, from which that
   differs by half a grey level.

Every stage continues where it was stopped: students by their checkpoints, tables row by row.
`--entries` makes the rows of some students; those that stand in OUT stay, on whatever machine they
were made. Writes `OUT/text` and `OUT/restoration` as `pairgen compare` does, each with a page.

Both tables stand in `docs/five-methods.md`, with pictures (`five_methods_text.png` and
`five_methods_restoration.png`): one seed; the trainings took 100 minutes, one CPU core each, beside
other work.
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import add
import codi
import ladd
import osediff
import yonos
from _arms.command import runs_folder
from _arms.study import require_known

import pairgen
from pairgen.errors import run_script
from pairgen.jobs.compare.cost import cost_table
from pairgen.jobs.compare.page import best_table

TEACHER_STEPS = (1, 2, 4, 50)
REAL_STATISTICS = "package:assets/judge/tiny_prompts.safetensors"


@dataclass(frozen=True)
class Entry:
    """A student of a study.

    Attributes:
        name: Its name in the table.
        study: The module of the study, with `options_of`, `make_data` and `trained`.
        trained: What is trained, as the study calls it.
        sampled: Steps in which it is judged; () for its own.
    """

    name: str
    study: ModuleType
    trained: str
    sampled: tuple[int, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table of `pairgen compare`.

    Attributes:
        entries: Its students.
        held_out: Returns the data that they are judged by, and the number of its samples.
        given: Other options.
    """

    entries: tuple[Entry, ...]
    held_out: Callable[[argparse.Namespace], tuple[str, int]]
    given: Mapping[str, Any]


FROM_TEXT = (
    Entry("regression", ladd, "regression"),
    Entry("Diffusion2GAN", ladd, "diffusion2gan"),
    Entry("LADD", ladd, "LADD", (1, 4)),
    Entry("ADD", add, "ADD", (1, 4)),
)
FROM_IMAGES = (
    Entry("OSEDiff", osediff, "full"),
    Entry("YONOS-SR", yonos, "x8 and decoder"),
    Entry("CoDi", codi, f"{codi.X8}, {codi.CODI}", (1, 4)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, metavar="DIR", help="[pairgen/runs in your cache]")
    parser.add_argument("--out", type=Path, default=Path("five-methods"), metavar="DIR")
    parser.add_argument("--cpu-threads", type=int, default=1)
    parser.add_argument("--steps", type=int, metavar="N", help="of every training [the study's]")
    parser.add_argument("--num-held-out", type=int, metavar="N", help="[the study's]")
    known = [entry.name for table in TABLES.values() for entry in table.entries]
    parser.add_argument("--entries", default=",".join(known), metavar="NAME[,NAME]")
    options = parser.parse_args()
    asked = [name.strip() for name in options.entries.split(",")]
    for name in asked:
        require_known("entry", name, known)
    made = {}
    for name, table in TABLES.items():
        runs = [find(entry, options) for entry in table.entries if entry.name in asked]
        if not runs:
            continue
        data, num_samples = table.held_out(options)
        made[name] = pairgen.compare(
            runs,
            data=data,
            num_samples=num_samples,
            out=str(options.out / name),
            cpu_threads=options.cpu_threads,
            **table.given,
        ).figures
    for name, figures in made.items():
        print(f"\n{name}\n\n{best_table(figures)}\n\n{cost_table(figures)}")
        print(f"\nPage: {options.out / name / 'index.html'}")


def find(entry: Entry, options: argparse.Namespace) -> str:
    """Train a student, or find it where its study left it; return it as `pairgen compare` takes it.

    A link beside the runs of the studies gives it its name in the table.

    Raises:
        KeyboardInterrupt: It was stopped.
    """
    chosen, root = study_of(entry.study, options)
    entry.study.make_data(chosen, root)
    run = entry.study.trained(chosen, entry.trained, 0, max(chosen.steps), root)
    link = root.parent / Path(__file__).stem / entry.name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(run.resolve())
    sampled = ",".join(map(str, entry.sampled))
    return f"{link}@{sampled}" if sampled else str(link)


def study_of(study: ModuleType, options: argparse.Namespace) -> tuple[argparse.Namespace, Path]:
    """Return the options of a study, and its folder of runs."""
    arguments = [
        f"--cpu-threads={options.cpu_threads}",
        *([f"--num-held-out={options.num_held_out}"] if options.num_held_out else []),
        *([f"--steps={options.steps}"] if options.steps else []),
    ]
    return study.options_of(arguments), runs_folder(options.runs) / study.__name__


def held_out_pairs(options: argparse.Namespace) -> tuple[str, int]:
    """Return the held-out pairs of the teacher, and their number."""
    chosen, root = study_of(ladd, options)
    return str(root / f"held-out-{chosen.num_held_out}"), chosen.num_held_out


def held_out_pictures(options: argparse.Namespace) -> tuple[str, int]:
    """Return the held-out pictures with nested levels, and their number."""
    chosen, root = study_of(yonos, options)
    return str(root / f"{chosen.world}-held-out-{chosen.num_held_out}"), chosen.num_held_out


# Name of each table: its folder in OUT.
TABLES = {
    "text": Table(
        FROM_TEXT,
        held_out_pairs,
        {"teacher_steps": TEACHER_STEPS, "real_statistics": REAL_STATISTICS},
    ),
    "restoration": Table(FROM_IMAGES, held_out_pictures, {}),
}


if __name__ == "__main__":
    run_script(main)
