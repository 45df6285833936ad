"""Rounds of chaos on a cluster of three Ray nodes on this machine, as a table.

    PYTHONPATH=. python benchmarks/chaos.py --rounds 40 --out ~/.cache/pairgen/chaos

Each round makes one dataset by `pairgen cluster submit`. At a moment that the round's number draws,
one thing goes wrong:

- an actor, a raylet, the GCS of the head, or the driver is killed (SIGKILL) or stopped (SIGSTOP).
  What was stopped stays so, but for a driver, which goes on after ten seconds;
- the disk of the dataset is full: a tmpfs of as many bytes as the round draws, so that any write
  may be the one that fails. It grows once the command has ended. Mounting it takes root;
- the store, moto's S3 server behind a proxy, turns every request away for ten seconds, and one in
  ten before and after.

Then `up` and `submit` are run again, as a user would, until the command ends with 0. A round is
whole if the shards have the SHA-256 of the serial run and `pairgen verify` finds nothing.

A finished round appends a line to `chaos.jsonl`, beside this file; the same command continues.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import psutil

import pairgen
from pairgen.jobs.cluster.local.processes import marked
from pairgen.shards.format import layout
from pairgen.shards.format.store import Store, open_store
from tests.s3_server import broken

SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGSTOP": signal.SIGSTOP}
KINDS = [(victim, name) for name in SIGNALS for victim in ("actor", "raylet", "GCS", "driver")]
KINDS += [("disk", "full"), ("store", "fails")]
SET = {"model": "gaussian", "cfg": 4, "steps": 250, "num_samples": 1200, "samples_per_shard": 12}
NUM_SHARDS = 100
RESULTS = Path(__file__).with_suffix(".jsonl")
SECONDS_UNTIL_HUNG = 900.0
MOST_SUBMITS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--out", type=Path, default=Path("~/.cache/pairgen/chaos").expanduser())
    options = parser.parse_args()
    desk: Path = options.out.absolute()
    lines = options.results.absolute()
    desk.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(desk / "cache")
    os.chdir(desk)
    (desk / "three.yaml").write_text("kind: local\nnodes: 3\n")
    serial = desk / "serial"
    if not (serial.exists() and pairgen.status(serial).complete):
        pairgen.ode(**SET, out=serial, executor="serial")
    done = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    with failing_store() as store_fails:
        try:
            for number in range(len(done), options.rounds):
                found = one_round(desk, number, store_fails)
                done.append(found)
                with lines.open("a") as file:
                    file.write(json.dumps(found) + "\n")
                print(found, flush=True)
        finally:
            for process, _ in victims(desk, "all"):
                process.resume()
            cluster("down")
    print(table(done))


def one_round(desk: Path, number: int, store_fails: Callable[[float], None]) -> dict[str, Any]:
    """Make the dataset once, while something breaks; return what became of it."""
    drawn = random.Random(number)
    victim, how = KINDS[number % len(KINDS)]
    shutil.rmtree("out", ignore_errors=True)
    moment = drawn.randrange(1, NUM_SHARDS - 10)
    begun = time.monotonic()
    codes: list[int | str] = []
    struck = ""
    num_before = 0
    out = f"s3://pairs/{number}" if victim == "store" else "out"
    share = drawn.uniform(0.05, 0.95)
    with small_disk(desk, share) if victim == "disk" else nullcontext(lambda: None) as grow:
        while len(codes) < MOST_SUBMITS and codes[-1:] != [0]:
            cluster("up")
            process = submit(desk, out)
            if not struck and victim == "disk":
                struck = f"after {share:.1%} of the bytes"
            elif not struck:
                wait_for(process, out, moment)
                num_before = num_receipts(out)
                if victim == "store":
                    store_fails(10)
                    struck = "for ten seconds"
                else:
                    struck = strike(desk, process, victim, SIGNALS[how])
            try:
                codes.append(process.wait(timeout=SECONDS_UNTIL_HUNG))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                codes.append("hung")
            if victim == "disk" and len(codes) == 1:
                num_before = num_receipts(out)
                grow()
        whole = shas(open_store(out)) == shas(open_store("serial")) and pairgen.verify(out).clean
    return {
        "round": number,
        "victim": victim,
        "how": how,
        "struck": struck,
        "shards before": num_before,
        "exit codes": codes,
        "whole": whole,
        "seconds": round(time.monotonic() - begun),
    }


def wait_for(process: "subprocess.Popen[bytes]", out: str, moment: int) -> None:
    """Wait until a number of shards is finished, or the command has ended."""
    while process.poll() is None and num_receipts(out) < moment:
        time.sleep(0.05 if out == "out" else 1)


def strike(desk: Path, process: "subprocess.Popen[bytes]", victim: str, number: int) -> str:
    """Send a signal; return to what."""
    found = list(victims(desk, victim))
    if process.poll() is not None or not found:
        return "nothing: the run had ended"
    target, node = found[0]
    target.send_signal(number)
    if victim == "driver" and number == signal.SIGSTOP:
        time.sleep(10)
        target.resume()
    return f"{target.pid} on node {node}"


@contextmanager
def small_disk(desk: Path, share: float) -> Iterator[Callable[[], None]]:
    """Mount a tmpfs with room for a share of the dataset's bytes; yield what makes it grow."""
    serial = [path for path in (desk / "serial").rglob("*") if path.is_file()]
    pages = sum(-(-path.stat().st_size // 4096) for path in serial)
    out = desk / "out"
    out.mkdir(exist_ok=True)
    size = f"size={int(pages * share) * 4096}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", out], check=True)

    def grow() -> None:
        subprocess.run(["mount", "-o", "remount,size=1g", out], check=True)

    try:
        yield grow
    finally:
        subprocess.run(["umount", "--lazy", out], check=True)


@contextmanager
def failing_store() -> Iterator[Callable[[float], None]]:
    """Run an S3 server that refuses one request in ten; yield what lets it refuse all of them."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    requests, until = count(1), 0.0

    def fault(*_: str) -> tuple[int, str] | None:
        fails = time.monotonic() < until or next(requests) % 10 == 0
        return (503, "SlowDown") if fails else None

    def fail_all(seconds: float) -> None:
        nonlocal until
        until = time.monotonic() + seconds

    os.environ |= {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with broken(f"http://{host}:{port}", fault) as url:
            s3fs.S3FileSystem(endpoint_url=f"http://{host}:{port}").mkdir("pairs")
            os.environ["AWS_ENDPOINT_URL"] = url
            yield fail_all
    finally:
        server.stop()


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
                "driver": "ode" in line and any(word.startswith("--out=") for word in line),
                "all": True,
            }[kind]
            if is_it:
                yield process, node


def submit(desk: Path, out: str) -> "subprocess.Popen[bytes]":
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SET.items()]
    line = [sys.executable, "-m", "pairgen", "cluster", "submit", "three.yaml", "--"]
    line += ["pairgen", "ode", *flags, f"--out={out}"]
    with (desk / "log").open("ab") as log:
        return subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT)


def cluster(verb: str) -> None:
    line = [sys.executable, "-m", "pairgen", "cluster", verb, "three.yaml"]
    subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)


def num_receipts(out: str) -> int:
    return len([name for name in open_store(out).names(layout.RECEIPTS) if name.endswith(".json")])


def shas(store: Store) -> dict[str, str]:
    shards = [f"{layout.TRAIN}/{name}" for name in store.names(layout.TRAIN)]
    tars = [path for path in shards if path.endswith(".tar")]
    return {path: hashlib.sha256(store.read_bytes(path)).hexdigest() for path in tars}


def table(done: list[dict[str, Any]]) -> str:
    """Return a Markdown table: what was struck, how often, and what became of the sets."""
    rows = ["| struck | rounds | whole | hung | submits, most | seconds, median |"]
    rows.append("|---|---:|---:|---:|---:|---:|")
    for kind in sorted({(each["victim"], each["how"]) for each in done}):
        found = [each for each in done if (each["victim"], each["how"]) == kind]
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
