"""Whether two commits write the same bytes: the same commands by the code of each, file by file.

    python benchmarks/same_bytes.py --old COMMIT [--new HEAD]

Each commit is checked out into a temporary worktree and runs COMMANDS with its own `python -m
pairgen`, in this environment, one thread. Code and working directory have the same paths for both:
lists of images hold absolute paths, and the `config.json` of a student that of its teacher. Prints
a row for each command, then every file that differs; `reordered` are JSON and YAML files with equal
values whose keys come in another order. Exit code 1 when a file differs. What the clock
decides, and only that, is left out: see VOLATILE.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from itertools import takewhile
from pathlib import Path

import yaml

REPOSITORY = Path(__file__).parent.parent
# Small pictures with captions, one of them refused and one too flat; and a few prompts.
INPUTS = REPOSITORY / "tests/golden/corpus"

ODE = ("ode", "--model=tiny", "--prompts=prompts.txt", "--executor=serial", "--batch-size=4")
SHORT_LAST_SHARD = ("--num-samples=6", "--samples-per-shard=4")
DEGRADE = ("degrade", "--images=photographs", "--executor=serial", "--samples-per-shard=4")
TRAIN = (
    *("train", "regression", "--data=pairs", "--batch-size=2", "--steps=3", "--grid-every=0"),
    *("--set=cpu_threads=1", "--set=num_grid_prompts=2", "--set=log_every=1"),
    # Its files have the time in their names.
    "--set=tensorboard=false",
)
# Name of the folder that is made, to the command without `--out`. Later ones read earlier ones.
COMMANDS: dict[str, Sequence[str]] = {
    "pairs": (*ODE, *SHORT_LAST_SHARD, "--cfg=7.5", "--steps=2", "--seed=1"),
    "two-guidances": (
        *(*ODE, *SHORT_LAST_SHARD, "--cfg=2,8", "--steps=2", "--solver=heun", "--end=clean"),
        *("--trajectory=999,499", "--store-embeddings", "--negative-prompt=a grey square"),
    ),
    "seeds": (
        *(*ODE, *SHORT_LAST_SHARD, "--cfg=4", "--noise=seed", "--steps=2", "--shuffle"),
        *("--solver=dpmpp_2m", "--spacing=logsnr"),
    ),
    "realesrgan": (
        *(*DEGRADE, "--scales=4,8", "--crop=48", "--samples-per-image=3", "--min-sharpness=5"),
        "--max-rejected=1",
    ),
    "bsrgan": (
        *(*DEGRADE, "--degradation=bsrgan", "--scales=4", "--crop=32", "--crops=tiled"),
        *("--hr-format=jpg", "--max-rejected=1"),
    ),
    "osediff-of-pairs": (
        *("degrade", "--from-ode=pairs", "--degradation=osediff", "--scales=4", "--crop=32"),
        *("--pixel-path=torch", "--batch-size=4", "--executor=serial"),
    ),
    "student": (*TRAIN, "--checkpoint-every=2"),
    "adapters": (*TRAIN, "--lora-rank=2", "--set=distance=perceptual"),
    "reflow": (*TRAIN[:1], "reflow", *TRAIN[2:]),
    "gan": (*TRAIN[:1], "diffusion2gan", *TRAIN[2:], "--set=r1_every=2"),
    "gan-adapters": (*TRAIN[:1], "diffusion2gan", *TRAIN[2:], "--lora-rank=2"),
    # What was exported is read again.
    "pictures/": ("sample", "--model=adapters", "--prompts=prompts.txt", "--seed=2"),
}

# Files, what of them may differ, and why. The rest must be equal to the byte.
CLOCK = "measured by the clock"
VOLATILE = (
    # Receipts, the manifest, record.json and state.json.
    ("*.json", rb'"seconds": [\d.e+-]+', CLOCK),
    ("metrics.jsonl", rb'"(samples_per_second|data_wait)": [\d.e+-]+', CLOCK),
    ("README.md", rb"\| worker seconds \| [\d,]+ \|", CLOCK),
    ("README.md", rb"\| (samples_per_second|data_wait) \| [\d.e+-]+ \|", CLOCK),
    # Of a run's card: the row of a set, and the training.
    ("README.md", rb"(?<=` \| )[\d,]+ \| [\d,]+ \|", CLOCK),
    ("README.md", rb"(?m)^[\d,]+ s\.$", CLOCK),
)
TIMEOUT = 600
# Characters of a line that differs.
MAX_SHOWN, BEFORE_SHOWN = 100, 40


@dataclass(frozen=True)
class Compared:
    """How the folders of one command compare.

    Attributes:
        num_equal: Files that are equal, but for what is volatile.
        reordered: Paths of JSON and YAML files with equal values, but keys in another order.
        different: Path and what differs, of the others.
    """

    num_equal: int
    reordered: tuple[str, ...]
    different: tuple[tuple[str, str], ...]


def compare(old: Path, new: Path) -> Compared:
    """Compare every file of two folders."""
    paths = sorted({path.relative_to(root) for root in (old, new) for path in _files(root)})
    found = [(str(path), _difference(old / path, new / path)) for path in paths]
    different = [each for each in found if each[1]]
    reordered = [path for path, _ in different if _same_values(old / path, new / path)]
    return Compared(
        len(paths) - len(different),
        tuple(reordered),
        tuple(each for each in different if each[0] not in reordered),
    )


def _same_values(old: Path, new: Path) -> bool:
    """Whether two JSON or YAML files hold the same, in whatever order."""
    if old.suffix not in (".json", ".yaml") or not (old.exists() and new.exists()):
        return False
    first, second = (yaml.safe_load(_lasting(path)) for path in (old, new))
    return bool(first == second)


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


def _difference(old: Path, new: Path) -> str:
    """Say how two files differ; empty when they do not."""
    if not new.exists():
        return "is not written any more"
    if not old.exists():
        return "is new"
    contents = [_lasting(path) for path in (old, new)]
    if contents[0] == contents[1]:
        return ""
    try:
        lines = [data.decode("utf-8").splitlines() for data in contents]
    except UnicodeDecodeError:
        return "{:,} bytes, now {:,} others".format(*map(len, contents))
    for number, pair in enumerate(zip(*lines, strict=False), start=1):
        if pair[0] != pair[1]:
            # Receipts are one long line.
            same = takewhile(lambda both: both[0] == both[1], zip(*pair, strict=False))
            first = max(0, len(list(same)) - BEFORE_SHOWN)
            there, here = (line[first : first + MAX_SHOWN] for line in pair)
            return f"line {number}: {there} -> {here}"
    return f"{len(lines[0])} lines, now {len(lines[1])}"


def _lasting(path: Path) -> bytes:
    """Return a file's bytes without what is volatile."""
    data = path.read_bytes()
    for name, pattern, _ in VOLATILE:
        if fnmatch(path.name, name):
            data = re.sub(pattern, b"...", data)
    return data


@contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out into a folder, for a while."""
    git = ("git", "-C", str(REPOSITORY), "worktree")
    subprocess.run((*git, "add", "--quiet", "--detach", str(folder), commit), check=True)
    try:
        yield folder
    finally:
        subprocess.run((*git, "remove", "--force", str(folder)), check=True)


def run_commands(side: str, code: Path, work: Path) -> dict[str, float]:
    """Run all commands with the code of a worktree; return the seconds of each.

    Args:
        side: What the worktree is called.
        code: The worktree.
        work: Working directory, made here.
    """
    work.mkdir()
    shutil.copy(INPUTS / "prompts.txt", work)
    shutil.copytree(INPUTS / "photographs", work / "photographs")
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    env |= {"PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}

    def run(*arguments: str) -> str:
        line = (sys.executable, *arguments)
        done = subprocess.run(
            line, cwd=work, env=env, capture_output=True, text=True, timeout=TIMEOUT
        )
        if done.returncode:
            raise SystemExit(f"{side}: {' '.join(arguments)}\n{done.stderr[-2000:]}")
        return done.stdout

    found = run("-c", "import pairgen; print(pairgen.__file__)").strip()
    assert Path(found).is_relative_to(code), f"{found} is not the code of {code}"
    seconds = {}
    for out, arguments in COMMANDS.items():
        start = time.perf_counter()
        run("-m", "pairgen", *arguments, f"--out={out}")
        seconds[out] = time.perf_counter() - start
        print(f"{side}: {out} {seconds[out]:.0f} s", file=sys.stderr)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", required=True, metavar="COMMIT")
    parser.add_argument("--new", default="HEAD", metavar="COMMIT")
    args = parser.parse_args()
    seconds = {}
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary).resolve()
        for side in ("old", "new"):
            with worktree(getattr(args, side), root / "code") as code:
                seconds[side] = run_commands(side, code, root / "work")
            (root / "work").rename(root / side)
        compared = {out: compare(root / "old" / out, root / "new" / out) for out in COMMANDS}
    print(
        f"{'command':<18} {'files':>5} {'equal':>5} {'reordered':>9} {'different':>9} "
        f"{'old, s':>7} {'new, s':>7}"
    )
    for out, found in compared.items():
        reordered, different = len(found.reordered), len(found.different)
        print(
            f"{out:<18} {found.num_equal + reordered + different:>5} {found.num_equal:>5} "
            f"{reordered:>9} {different:>9} "
            f"{seconds['old'][out]:>7.1f} {seconds['new'][out]:>7.1f}"
        )
    for out, found in compared.items():
        for path, difference in found.different:
            print(f"{out.rstrip('/')}/{path}: {difference}")
    sys.exit(any(found.different for found in compared.values()))


if __name__ == "__main__":
    main()
