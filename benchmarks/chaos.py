"""Rounds of chaos, on a cluster of three Ray nodes on this machine or in one process, as a table.

    PYTHONPATH=. python benchmarks/chaos.py --rounds 40
    PYTHONPATH=. python benchmarks/chaos.py --executor serial --rounds 60

Each round makes one dataset, by `pairgen cluster submit` or by `pairgen ode --executor serial`. At
a moment that the round's number draws, one thing goes wrong:

- an actor, a raylet, the GCS of the head, or the driver is killed (SIGKILL) or stopped (SIGSTOP);
  in one process also ended (SIGTERM), and one of two drivers of one output is struck. What was
  stopped stays so, but for a driver, which goes on after ten seconds;
- the disk of the dataset is full: a tmpfs of as many bytes as the round draws, so that any write
  may be the one that fails. It grows once the command has ended. Mounting it takes root;
- the store, moto's S3 server behind a proxy, turns every request away for ten seconds, and one in
  ten before and after.

Then the command is run again, as a user would, until it ends with 0. A round is whole if the
shards have the SHA-256 of the undisturbed run and `pairgen verify` finds nothing.

A finished round appends a line to `chaos.jsonl`, beside this file; the same command continues.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from _chaos.breaking import FailingStore, s3_store, small_disk
from _chaos.ways import WAYS, Way

import pairgen
from pairgen.drawing.table import markdown
from pairgen.errors import StoreError
from pairgen.shards.format import layout
from pairgen.shards.storage.store import Store, open_store

NUM_SHARDS = 100
RESULTS = Path(__file__).with_suffix(".jsonl")
SECONDS_UNTIL_HUNG = 900.0
MOST_RUNS = 4
FAILING_SHARE, FAILING_SECONDS = 0.1, 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executor", choices=list(WAYS), default="ray")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--shards", type=int, default=NUM_SHARDS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--out", type=Path, default=Path("~/.cache/pairgen/chaos").expanduser())
    options = parser.parse_args()
    desk, lines = options.out.absolute(), options.results.absolute()
    desk.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(desk / "cache")
    os.chdir(desk)
    chosen = set_of(options.shards)
    whole = desk / f"whole-{options.shards}"
    pairgen.ode(**chosen, out=whole, executor="serial")
    done = [each for each in read_lines(lines) if each["executor"] == options.executor]
    way, fault = WAYS[options.executor], FailingStore(FAILING_SHARE)
    with s3_store(fault):
        try:
            for number in range(len(done), options.rounds):
                found = one_round(desk, way, chosen, whole, number, fault)
                done.append({"executor": options.executor, **found})
                with lines.open("a") as file:
                    file.write(json.dumps(done[-1]) + "\n")
                print(done[-1], flush=True)
        finally:
            way.clean(desk)
    print("\n".join(markdown(table(done))))


def set_of(num_shards: int) -> dict[str, Any]:
    """Return the options of the dataset."""
    each = 12
    sizes = {"num_samples": num_shards * each, "samples_per_shard": each}
    return {"model": "gaussian", "cfg": 4, "steps": 250, **sizes}


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the finished rounds of a file; those of Ray did not name their executor at first."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [{"executor": "ray", **json.loads(line)} for line in lines]


def one_round(
    desk: Path, way: Way, chosen: dict[str, Any], whole: Path, number: int, fault: FailingStore
) -> dict[str, Any]:
    """Make the dataset once, while something breaks; return what became of it."""
    drawn = random.Random(number)
    victim, how = way.kinds[number % len(way.kinds)]
    shutil.rmtree("out", ignore_errors=True)
    num_shards = chosen["num_samples"] // chosen["samples_per_shard"]
    moment = drawn.randrange(1, max(2, num_shards * 9 // 10))
    share = drawn.uniform(0.05, 0.95)
    out = f"s3://pairs/{number}" if victim == "store" else "out"
    begun, codes = time.monotonic(), list[int | str]()
    struck, num_before = "", 0
    full = small_disk(desk / "out", whole, share) if victim == "disk" else nullcontext()
    with full as grow:
        while len(codes) < MOST_RUNS and codes[-1:] != [0]:
            way.prepare(desk)
            with second_driver(desk, way, chosen, out, victim, first=not codes):
                process = way.start(desk, chosen, out)
                if not codes and victim == "disk":
                    struck = f"after {share:.1%} of the bytes"
                elif not codes:
                    wait_for(process, out, moment)
                    num_before = num_receipts(out)
                    if victim == "store":
                        fault.fail_all(FAILING_SECONDS)
                        struck = f"for {FAILING_SECONDS:g} s"
                    else:
                        struck = way.strike(desk, process, victim, how)
                codes.append(ended(process))
            if grow and len(codes) == 1:
                num_before = num_receipts(out)
                grow()
        same = shas(open_store(out)) == shas(open_store(str(whole)))
        clean = pairgen.verify(out).clean
    return {
        "round": number,
        "victim": victim,
        "how": how,
        "struck": struck,
        "shards before": num_before,
        "exit codes": codes,
        "whole": same and clean,
        "seconds": round(time.monotonic() - begun),
    }


@contextmanager
def second_driver(
    desk: Path, way: Way, chosen: dict[str, Any], out: str, victim: str, *, first: bool
) -> Iterator[None]:
    """Run another command on the same output meanwhile, where the round has two."""
    if not (first and victim == "one of two drivers"):
        yield
        return
    other = way.start(desk, chosen, out)
    yield
    ended(other)


def ended(process: "subprocess.Popen[bytes]") -> int | str:
    """Wait for a command; return its exit code, or `hung`."""
    try:
        return process.wait(timeout=SECONDS_UNTIL_HUNG)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "hung"


def wait_for(process: "subprocess.Popen[bytes]", out: str, moment: int) -> None:
    """Wait until a number of shards is finished, or the command has ended."""
    while process.poll() is None and num_receipts(out) < moment:
        time.sleep(0.05 if out == "out" else 1)


def num_receipts(out: str) -> int:
    try:
        names = open_store(out).names(layout.RECEIPTS)
    except StoreError:
        return 0
    return len([name for name in names if name.endswith(".json")])


def shas(store: Store) -> dict[str, str]:
    shards = [f"{layout.TRAIN}/{name}" for name in store.names(layout.TRAIN)]
    tars = [path for path in shards if path.endswith(".tar")]
    return {path: hashlib.sha256(store.read_bytes(path)).hexdigest() for path in tars}


def table(done: list[dict[str, Any]]) -> list[list[str]]:
    """Return rows: what was struck, how often, and what became of the sets."""
    rows = [["struck", "rounds", "whole", "hung", "runs, most", "seconds, median"]]
    for kind in sorted({(each["victim"], each["how"]) for each in done}):
        found = [each for each in done if (each["victim"], each["how"]) == kind]
        seconds = sorted(each["seconds"] for each in found)
        cells = [
            ", ".join(kind),
            len(found),
            sum(each["whole"] for each in found),
            sum("hung" in each["exit codes"] for each in found),
            max(len(each["exit codes"]) for each in found),
            seconds[len(seconds) // 2],
        ]
        rows.append([str(cell) for cell in cells])
    return rows


if __name__ == "__main__":
    main()
