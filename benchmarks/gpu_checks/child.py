"""The process of one check: it writes each row to disk before it goes on."""

import importlib
import json
import os
import platform
import signal
import subprocess
import threading
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

import torch

import pairgen
from gpu_checks.peaks import GIB, peak_gib
from gpu_checks.setting import Setting

PACKAGES = ("torch", "triton", "diffusers", "transformers", "accelerate")


def run_check(module: str, rows: Path, setting: Setting, parent: int) -> bool:
    """Run a check; return whether it came to its end.

    Args:
        module: Of the check.
        rows: File that receives a JSON line for the machine, each row, and the end.
        setting: Of the check.
        parent: Process id of the runner, without which the check ends.
    """
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with rows.open("a", encoding="utf-8") as file:
        _write(file, {"machine": machine()})
        failure = ""
        try:
            for row in importlib.import_module(module).check(setting):
                _write(file, {"row": row.plain()})
        except Exception as error:
            traceback.print_exc()
            failure = f"{type(error).__name__}: {error}"
        _write(file, {"end": {"failure": failure, "peak_gib": round(peak_gib(), 2)}})
    return not failure


def machine() -> dict[str, str]:
    """Return the card and the versions that figures belong to."""
    found = {"card": f"none, CPU {platform.machine()}", "cores": str(os.cpu_count())}
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        found["card"] = f"{card.name}, {card.total_memory / GIB:.0f} GiB"
        found["driver"] = _driver()
        found["CUDA"] = str(torch.version.cuda)
    found["Python"] = platform.python_version()
    found["pairgen"] = pairgen.__version__
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _driver() -> str:
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return said.stdout.strip().partition("\n")[0]


def _write(file: TextIO, line: dict[str, Any]) -> None:
    file.write(f"{json.dumps(line)}\n")
    file.flush()
    os.fsync(file.fileno())


def _end_with(parent: int) -> None:
    """Kill this process and the commands that it started once the runner is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(os.getpgrp(), signal.SIGKILL)
