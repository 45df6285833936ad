"""Prove pairgen on a GPU in eight minutes, the most important first.

    python benchmarks/gpu_check.py [--minutes 8] [--only NAME,...] [--methods NAME,...]
        [--out DIR] [--small]

Each check runs in a process of its own, with a time limit. Every row is on disk as soon as it is
measured: `results.json` and `results.md` in DIR are replaced whole, so stop the run whenever you
have to. DIR also keeps what each check said. `--small` runs every check with a few channels and
steps, for a CPU; its numbers mean nothing.

You need a checkout and torch, diffusers, transformers, accelerate, pydantic, pyarrow, safetensors,
scipy, fsspec, click, pyyaml, pillow and opencv-python-headless. You need no Ray, webdataset,
datasets or network. Temporary files go to TMPDIR: up to 50 GiB, most of it checkpoints of
`training`.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gpu_checks.report import JSON_FILE, Outcome, Report

ROOT = Path(__file__).resolve().parent.parent
METHODS = ROOT / "pairgen/methods"
# A CPU may be slow, and shared.
USUAL_MINUTES, SMALL_MINUTES = 8.0, 30.0
# The compiler takes minutes of a CPU; threads that wait for others take its cores.
SMALL_ENVIRONMENT = {"TORCHDYNAMO_DISABLE": "1", "OMP_NUM_THREADS": "1"}
# Of its seconds, what a check must have before it to begin.
LEAST_SHARE = 0.25
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Check:
    """A check, and its part of the time.

    Attributes:
        name: By which it is chosen.
        seconds: Its part of eight minutes.
        title: What it shows.
        module: Where it is written.
    """

    name: str
    seconds: float
    title: str
    module: str = ""


CHECKS = (
    Check("tiny", 60, "`ode` by the embedded model"),
    Check("speed", 180, "`ode` beside diffusers, Stable Diffusion 1.5's widths"),
    Check("memory_short", 60, "the advice when memory is short"),
    Check("training", 180, "each training method, stopped and resumed"),
    Check("adapters", 40, "several adapters on one set of weights"),
    Check("degrade", 60, "`degrade --pixel-path torch`, `--nested` too"),
    Check("annotate", 40, "`annotate --add latent`"),
    Check("annotators", 60, "`annotate --add segmentation`, `--add caption`"),
    Check("yonos", 90, "`yonos` from stored moments, and by encoding in every step"),
    Check("codi", 90, "`codi` from stored moments, network and branch or the branch alone"),
    Check("everyday", 60, "the other commands, by the embedded model"),
    Check("second_call", 90, "`restore`, `sample`, `eval`"),
    Check("sdxl", 150, "SDXL's widths"),
    Check("kernels", 90, "where the time of `speed` goes"),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, help="for all checks: 8, or 30 with --small")
    parser.add_argument("--only", default="", metavar="NAME,...", help=", ".join(_names()))
    parser.add_argument("--methods", default="", metavar="NAME,...", help="which `training` trains")
    parser.add_argument("--out", type=Path, default=Path("gpu-check"), metavar="DIR")
    parser.add_argument("--small", action="store_true")
    # What the process of a check is told, see `_run_here`.
    parser.add_argument("--run", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    methods = tuple(filter(None, options.methods.split(",")))
    if options.run:
        sys.exit(not _run_here(options.run, options.small, methods))
    chosen = options.only.split(",") if options.only else _names()
    if unknown := sorted(set(chosen) - set(_names())):
        parser.error(f"no such check: {', '.join(unknown)}; known are {', '.join(_names())}")
    if unknown := [each for each in methods if not (METHODS / f"{each}.py").is_file()]:
        parser.error(f"no such method: {', '.join(unknown)}; known are the files in {METHODS}")
    if (options.out / JSON_FILE).exists():
        parser.error(f"{options.out} holds results already: give another --out")
    checks = [check for check in CHECKS if check.name in chosen]
    minutes = options.minutes or (SMALL_MINUTES if options.small else USUAL_MINUTES)
    report = run_checks(checks, options.out, minutes, options.small, methods)
    print(report.table())
    sys.exit(any(outcome.is_wrong for outcome in report.outcomes))


def run_checks(
    checks: Sequence[Check], out: Path, minutes: float, small: bool, methods: Sequence[str] = ()
) -> Report:
    """Run checks one after the other; keep the files in `out` up to date.

    A check that ends early leaves its time to the later ones. None takes from those behind it.
    """
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    outcomes = [Outcome(check.name, check.title) for check in checks]
    flags = [
        *(["--small"] if small else []),
        *(["--methods", ",".join(methods)] if methods else []),
    ]
    report = Report(_facts(minutes, small), outcomes)
    start, scale = time.monotonic(), minutes / USUAL_MINUTES
    planned = 0.0
    report.write(out)
    with tempfile.TemporaryDirectory(prefix="gpu-check-", ignore_cleanup_errors=True) as work:
        (Path(work) / "shared").mkdir()
        for check, outcome in zip(checks, outcomes, strict=True):
            planned = min(planned + check.seconds * scale, 60 * minutes)
            outcome.limit = start + planned - time.monotonic()
            if outcome.limit < LEAST_SHARE * check.seconds * scale:
                left = max(outcome.limit, 0.0)
                outcome.state, outcome.reason = "skipped", f"only {left:.0f} s were left"
            else:
                print(f"{check.name}: {outcome.limit:.0f} s at most", file=sys.stderr, flush=True)
                seconds = check.seconds * scale
                _run_check(check, outcome, report, out, Path(work), seconds, flags)
            shutil.rmtree(Path(work) / check.name, ignore_errors=True)
            report.write(out)
    return report


def _run_check(
    check: Check,
    outcome: Outcome,
    report: Report,
    out: Path,
    work: Path,
    seconds: float,
    flags: list[str],
) -> None:
    """Run a check in a process group of its own; kill the group at its limit."""
    rows, own = out / f"{check.name}.jsonl", work / check.name
    rows.unlink(missing_ok=True)
    rows.touch()
    own.mkdir()
    start = time.monotonic()
    deadline, taken = start + outcome.limit, -1
    module = check.module or f"gpu_checks.{check.name}"
    command = [sys.executable, __file__, *flags]
    command += ["--run", module, str(rows), str(own), str(work / "shared"), str(seconds)]
    command += [str(deadline)]
    outcome.state = "running"
    with _started(command, out / f"{check.name}.log", "--small" in flags) as process:
        while process.poll() is None and time.monotonic() < deadline:
            if rows.stat().st_size != taken:
                taken = rows.stat().st_size
                outcome.seconds = round(time.monotonic() - start, 1)
                report.take(outcome, rows.read_text(encoding="utf-8"))
                report.write(out)
            time.sleep(POLL_SECONDS)
        code = process.poll()
    outcome.seconds = round(time.monotonic() - start, 1)
    report.take(outcome, rows.read_text(encoding="utf-8"))
    if code is None:
        outcome.state, outcome.reason = "killed", f"not finished after {outcome.limit:.0f} s"
    else:
        outcome.state = "failed" if code else "done"
        outcome.reason = outcome.reason or (f"exit code {code}" if code else "")


@contextmanager
def _started(command: list[str], log: Path, small: bool) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the process of a check; in the end kill it and all that it started."""
    before = os.environ.get("PYTHONPATH")
    environment = {
        **os.environ,
        # A checkout needs no installation.
        "PYTHONPATH": f"{ROOT}{os.pathsep}{before}" if before else str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
        **(SMALL_ENVIRONMENT if small else {}),
    }
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _run_here(told: Sequence[str], small: bool, methods: tuple[str, ...]) -> bool:
    """Be the process of a check."""
    from gpu_checks.child import run_check
    from gpu_checks.setting import Setting

    module, rows, own, shared, seconds, deadline = told
    times = float(seconds), float(deadline)
    setting = Setting(small, Path(own), Path(shared), *times, methods)
    return run_check(module, Path(rows), setting, os.getppid())


def _facts(minutes: float, small: bool) -> dict[str, object]:
    return {
        "date": f"{datetime.now().astimezone():%Y-%m-%d %H:%M %z}",
        "commit": _commit(),
        "minutes": minutes,
        "small": small,
    }


def _commit() -> str:
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _names() -> list[str]:
    return [check.name for check in CHECKS]


if __name__ == "__main__":
    main()
