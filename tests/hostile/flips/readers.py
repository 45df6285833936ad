"""Which commands read which files of what was made."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hostile.flips.made import BY_VALUE, COMMANDS, DEGRADE, ODE, OVERLAY, PAIRS, RUN

Words = Sequence[str]
_SAMPLE = ("sample", "--prompts", "a red apple", "--out", "made.png")
_MORE = ("train", "regression", "--resume", "--steps", "3", "--out", RUN)
# All commands that read a set of each kind; the first tells what is wrong.
OF_SETS: dict[str, Sequence[Words]] = {
    ODE: (
        ("verify", ODE),
        ("inspect", ODE),
        ("inspect", ODE, "7"),
        ("status", ODE),
        ("replay", ODE, "3"),
        COMMANDS[ODE],
        ("ode", "--out", ODE, "--executor", "serial", "--num-samples", "18"),
        ("annotate", ODE, "--add", "tests.text_annotator", "--executor", "serial"),
        ("repair", ODE, "--executor", "serial"),
    ),
    DEGRADE: (
        ("verify", DEGRADE),
        ("inspect", DEGRADE),
        ("inspect", DEGRADE, "1"),
        ("status", DEGRADE),
        ("replay", DEGRADE, "1"),
        ("degrade", "--out", DEGRADE, "--executor", "serial"),
        ("annotate", DEGRADE, "--add", "canny", "--executor", "serial"),
        ("repair", DEGRADE, "--executor", "serial"),
    ),
    PAIRS: (
        ("verify", PAIRS),
        (
            *("train", "regression", "--data", PAIRS, "--steps", "1", "--batch-size", "2"),
            *("--set", "num_grid_prompts=1", "--out", "new"),
        ),
    ),
}
_OF_OVERLAYS = {OVERLAY: DEGRADE, BY_VALUE: ODE}
OF_OVERLAYS: dict[str, Sequence[Words]] = {
    OVERLAY: (
        ("verify", DEGRADE),
        ("inspect", DEGRADE),
        ("annotate", DEGRADE, "--add", "canny", "--executor", "serial"),
    ),
    BY_VALUE: (
        ("verify", ODE),
        ("inspect", ODE),
        ("annotate", ODE, "--add", "tests.text_annotator", "--executor", "serial"),
    ),
}


@dataclass(frozen=True)
class Target:
    """A file, and the commands that read it.

    Attributes:
        path: The file, below the folder of all.
        kind: What kind of file it is.
        folders: Folders that these commands read.
        commands: The commands; the first tells what is wrong, if `is_verified`.
        is_verified: Whether the first is `verify`.
    """

    path: str
    kind: str
    folders: tuple[str, ...]
    commands: Sequence[Words]
    is_verified: bool


def targets(root: Path) -> Iterator[Target]:
    """Yield every file of what was made."""
    for name in (ODE, DEGRADE, OVERLAY, BY_VALUE, PAIRS, RUN):
        for path in sorted((root / name).rglob("*")) if (root / name).is_dir() else ():
            if path.is_file():
                yield _target(path.relative_to(root), name)


def _target(path: Path, name: str) -> Target:
    kind = kind_of(path, name)
    if name in _OF_OVERLAYS:
        return Target(str(path), kind, (_OF_OVERLAYS[name], name), OF_OVERLAYS[name], True)
    if name == RUN:
        return Target(str(path), kind, (RUN, PAIRS), _of_run(path), False)
    beside = {DEGRADE: (OVERLAY,), ODE: (BY_VALUE,)}.get(name, ())
    return Target(str(path), kind, (name, *beside), OF_SETS[name], True)


def _of_run(path: Path) -> Sequence[Words]:
    if "checkpoints" in path.parts or path.name in ("config.yaml", "validation.npz"):
        return (_MORE,)
    if path.name == "record.json":
        return (("eval", RUN, "--data", PAIRS, "--allow-training-data", "--out", "judged"),)
    return ((*_SAMPLE, "--model", RUN),)


def kind_of(path: Path, name: str) -> str:
    """Return the kind of a file, the row of the table."""
    parts = path.parts[1:]
    if name == RUN:
        where = (
            "export"
            if parts[0] == "student"
            else "checkpoint"
            if parts[0] == "checkpoints"
            else "run"
        )
        return f"{where}: {path.suffix.lstrip('.') or path.name}"
    if "shards" in parts:
        return "set: receipt"
    if "index" in parts:
        return "set: index"
    return f"set: {'tar' if path.suffix == '.tar' else path.name}"
