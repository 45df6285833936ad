"""The ways of running that are broken: one process, and a cluster of three Ray nodes."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from pairgen.jobs.cluster.local.processes import marked

SIGNALS = {name: getattr(signal, name) for name in ("SIGKILL", "SIGSTOP", "SIGTERM")}
# Of a driver that was stopped and goes on.
STOPPED_SECONDS = 10.0


@dataclass(frozen=True)
class Way:
    """A way of running a command, and what can happen to it.

    Attributes:
        kinds: Pairs of what is struck and how; a round takes the one of its number.
        prepare, clean: Called with the desk ahead of every command, and in the end.
        start: Starts a command, given the desk, its options and where it writes.
        victims: Yields the processes of a kind and where they run.
    """

    kinds: tuple[tuple[str, str], ...]
    prepare: Callable[[Path], None]
    clean: Callable[[Path], None]
    start: Callable[[Path, dict[str, Any], str], "subprocess.Popen[bytes]"]
    victims: Callable[[Path, "subprocess.Popen[bytes]", str], Iterator[tuple[psutil.Process, str]]]

    def strike(self, desk: Path, process: "subprocess.Popen[bytes]", victim: str, how: str) -> str:
        """Send a signal to a process of a running command; return to which."""
        found = next(self.victims(desk, process, victim), None)
        if process.poll() is not None or found is None:
            return "nothing: the run had ended"
        target, where = found
        target.send_signal(SIGNALS[how])
        if how == "SIGSTOP" and "driver" in victim:
            time.sleep(STOPPED_SECONDS)
            target.resume()
        return f"{target.pid} on {where}"


def ode_line(options: dict[str, Any], out: str) -> list[str]:
    """Return the arguments of a `pairgen ode` that writes to a place."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    return ["ode", *flags, f"--out={out}"]


def logged(desk: Path, line: list[str]) -> "subprocess.Popen[bytes]":
    """Start a command of pairgen that writes to the desk's log."""
    with (desk / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pairgen", *line], stdout=log, stderr=subprocess.STDOUT
        )


# One process.


def _start_serial(desk: Path, options: dict[str, Any], out: str) -> "subprocess.Popen[bytes]":
    return logged(desk, [*ode_line(options, out), "--executor=serial"])


def _itself(
    _: Path, process: "subprocess.Popen[bytes]", __: str
) -> Iterator[tuple[psutil.Process, str]]:
    yield psutil.Process(process.pid), "this machine"


def _nothing(_: Path) -> None:
    """There is nothing to prepare."""


SERIAL = Way(
    kinds=(
        *(("driver", how) for how in SIGNALS),
        ("one of two drivers", "SIGKILL"),
        ("one of two drivers", "SIGSTOP"),
        ("disk", "full"),
        ("store", "fails"),
    ),
    prepare=_nothing,
    clean=_nothing,
    start=_start_serial,
    victims=_itself,
)


# Three Ray nodes on this machine.


def _up(desk: Path) -> None:
    (desk / "three.yaml").write_text("kind: local\nnodes: 3\n")
    _cluster("up")


def _down(desk: Path) -> None:
    for process, _ in _victims(desk, "all"):
        process.resume()
    _cluster("down")


def _cluster(verb: str) -> None:
    line = [sys.executable, "-m", "pairgen", "cluster", verb, "three.yaml"]
    subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=600)


def _submit(desk: Path, options: dict[str, Any], out: str) -> "subprocess.Popen[bytes]":
    return logged(
        desk, ["cluster", "submit", "three.yaml", "--", "pairgen", *ode_line(options, out)]
    )


def _of_cluster(
    desk: Path, _: "subprocess.Popen[bytes]", victim: str
) -> Iterator[tuple[psutil.Process, str]]:
    return _victims(desk, victim)


def _victims(desk: Path, kind: str) -> Iterator[tuple[psutil.Process, str]]:
    """Yield the processes of a kind, or all, of the cluster."""
    for state in list((desk / "cache/pairgen/clusters").glob("*.json")):
        for process, node in marked(json.loads(state.read_text())["mark"]):
            try:
                line = process.cmdline()
            except psutil.Error:
                continue
            is_it = {
                "actor": " ".join(line).startswith("ray::ShardActor"),
                "raylet": node != "0" and line[:1] and line[0].endswith("/raylet"),
                "GCS": line[:1] and line[0].endswith("/gcs_server"),
                "driver": "ode" in line and any(word.startswith("--out=") for word in line),
                "all": True,
            }[kind]
            if is_it:
                yield process, f"node {node}"


RAY = Way(
    kinds=(
        *(
            (victim, how)
            for how in ("SIGKILL", "SIGSTOP")
            for victim in ("actor", "raylet", "GCS", "driver")
        ),
        ("disk", "full"),
        ("store", "fails"),
    ),
    prepare=_up,
    clean=_down,
    start=_submit,
    victims=_of_cluster,
)
WAYS = {"ray": RAY, "serial": SERIAL}
