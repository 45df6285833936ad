"""Rounds of chaos on a cluster of three Ray nodes on this machine, as a table.

    python benchmarks/chaos.py --rounds 40 --out ~/.cache/pairgen/chaos

Each round makes one dataset by `pairgen cluster submit`. At a moment that the round's number draws,
something is killed (SIGKILL) or stopped (SIGSTOP): an actor, a raylet, the GCS of the head, or the
driver. What was stopped stays so, but for a driver, which goes on after ten seconds. Then `up`
and `submit` are run again, as a user would, until the command ends with 0. A round is whole if the
shards have the SHA-256 of the serial run and `pairgen verify` finds nothing.

Finished rounds are lines of `OUT/rounds.jsonl`; the same command continues. Not in here: full disks
and stores that fail, which tests/chaos and tests/shards/format hold.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

import pairgen
from pairgen.jobs.cluster.local.processes import marked
from pairgen.shards.format import layout

VICTIMS = ("actor", "raylet", "GCS", "driver")
SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGSTOP": signal.SIGSTOP}
SET = {"model": "gaussian", "cfg": 4, "steps": 250, "num_samples": 1200, "samples_per_shard": 12}
NUM_SHARDS = 100
SECONDS_UNTIL_HUNG = 900.0
MOST_SUBMITS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("~/.cache/pairgen/chaos").expanduser())
    options = parser.parse_args()
    desk: Path = options.out.absolute()
    desk.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(desk / "cache")
    os.chdir(desk)
    (desk / "three.yaml").write_text("kind: local\nnodes: 3\n")
    serial = desk / "serial"
    if not (serial.exists() and pairgen.status(serial).complete):
        pairgen.ode(**SET, out=serial, executor="serial")
    lines = desk / "rounds.jsonl"
    done = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    try:
        for number in range(len(done), options.rounds):
            found = one_round(desk, number)
            done.append(found)
            with lines.open("a") as file:
                file.write(json.dumps(found) + "\n")
            print(found, flush=True)
    finally:
        for process, _ in victims(desk, "all"):
            process.resume()
        cluster("down")
    print(table(done))


def one_round(desk: Path, number: int) -> dict[str, Any]:
    """Make the dataset once, while something dies; return what became of it."""
    drawn = random.Random(number)
    victim, signal_name = VICTIMS[number % 4], list(SIGNALS)[number // 4 % 2]
    shutil.rmtree("out", ignore_errors=True)
    moment = drawn.randrange(1, NUM_SHARDS - 10)
    begun = time.monotonic()
    codes: list[int | str] = []
    struck = ""
    num_before = 0
    while len(codes) < MOST_SUBMITS and codes[-1:] != [0]:
        cluster("up")
        process = submit(desk)
        if not struck:
            struck, num_before = strike(desk, process, victim, SIGNALS[signal_name], moment)
        try:
            codes.append(process.wait(timeout=SECONDS_UNTIL_HUNG))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            codes.append("hung")
    whole = shas(desk / "out") == shas(desk / "serial") and pairgen.verify(desk / "out").clean
    return {
        "round": number,
        "victim": victim,
        "signal": signal_name,
        "struck": struck,
        "shards before": num_before,
        "exit codes": codes,
        "whole": whole,
        "seconds": round(time.monotonic() - begun),
    }


def strike(
    desk: Path, process: subprocess.Popen[bytes], victim: str, number: int, moment: int
) -> tuple[str, int]:
    """Wait for a number of shards, then send a signal; return to what, and the number of shards."""
    while process.poll() is None and num_receipts(desk) < moment:
        time.sleep(0.05)
    found = list(victims(desk, victim))
    if process.poll() is not None or not found:
        return "nothing: the run had ended", num_receipts(desk)
    target, node = found[0]
    target.send_signal(number)
    if victim == "driver" and number == signal.SIGSTOP:
        time.sleep(10)
        target.resume()
    return f"{target.pid} on node {node}", num_receipts(desk)


def victims(desk: Path, kind: str) -> Iterator[tuple[psutil.Process, str]]:
    """Yield the processes of a kind, or all, of the cluster."""
    states = list((desk / "cache/pairgen/clusters").glob("*.json"))
    for state in states:
        for process, node in marked(json.loads(state.read_text())["mark"]):
            try:
                line = process.cmdline()
            except psutil.Error:
                continue
            words = " ".join(line)
            is_it = {
                "actor": words.startswith("ray::ShardActor"),
                "raylet": node != "0" and line[:1] and line[0].endswith("/raylet"),
                "GCS": line[:1] and line[0].endswith("/gcs_server"),
                "driver": "ode" in line and "--out=out" in line,
                "all": True,
            }[kind]
            if is_it:
                yield process, node


def submit(desk: Path) -> "subprocess.Popen[bytes]":
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SET.items()]
    line = [sys.executable, "-m", "pairgen", "cluster", "submit", "three.yaml", "--"]
    line += ["pairgen", "ode", *flags, "--out=out"]
    with (desk / "log").open("ab") as log:
        return subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT)


def cluster(verb: str) -> None:
    line = [sys.executable, "-m", "pairgen", "cluster", verb, "three.yaml"]
    subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)


def num_receipts(desk: Path) -> int:
    return len(list((desk / "out" / layout.RECEIPTS).glob("*.json")))


def shas(out: Path) -> dict[str, str]:
    files = sorted((out / layout.TRAIN).glob("*.tar"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def table(done: list[dict[str, Any]]) -> str:
    """Return a Markdown table: what was struck, how often, and what became of the sets."""
    rows = ["| struck | rounds | whole | hung | submits, most | seconds, median |"]
    rows.append("|---|---:|---:|---:|---:|---:|")
    for kind in sorted({(each["victim"], each["signal"]) for each in done}):
        found = [each for each in done if (each["victim"], each["signal"]) == kind]
        seconds = sorted(each["seconds"] for each in found)
        cells = [
            f"{kind[0]}, {kind[1]}",
            len(found),
            sum(each["whole"] for each in found),
            sum("hung" in each["exit codes"] for each in found),
            max(len(each["exit codes"]) for each in found),
            seconds[len(seconds) // 2],
        ]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
