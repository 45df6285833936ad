"""`pairgen` commands in processes of their own."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from gpu_checks.setting import Setting

MEASURED = Path(__file__).with_name("measured.py")


@dataclass(frozen=True)
class Done:
    """How a command ended.

    Attributes:
        code: Its exit code.
        said: What it printed.
        seconds: From its start to its end.
        peak_gib: Of the GPU's tensors, or of host memory without a GPU; None if it told none.
    """

    code: int
    said: str
    seconds: float
    peak_gib: float | None

    @property
    def last_line(self) -> str:
        """What it printed last."""
        return (self.said.strip().splitlines() or [""])[-1]

    @property
    def error(self) -> str:
        """Why it failed; empty if it did not."""
        return f"exit code {self.code}: {self.last_line}" if self.code else ""

    def check(self) -> "Done":
        """Return itself.

        Raises:
            RuntimeError: The command failed.
        """
        if self.code:
            raise RuntimeError(f"pairgen ended with {self.error}")
        return self


class Command:
    """A command at work, in the process group of its check.

    Args:
        setting: Of the check.
        words: What stands behind `pairgen`.
        on_gpu: False hides the GPUs from it.
    """

    def __init__(self, setting: Setting, words: list[str], on_gpu: bool = True) -> None:
        number = len([*setting.folder.glob("command-*.log")])
        self._told = setting.folder / f"command-{number}.json"
        self._log = setting.folder / f"command-{number}.log"
        hidden = {} if on_gpu else {"CUDA_VISIBLE_DEVICES": ""}
        self._start = time.perf_counter()
        with self._log.open("wb") as log:
            # -P: the names of our files must not pass for packages.
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(MEASURED), str(self._told), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=setting.folder,
                env={**os.environ, **hidden},
            )

    def wait(self) -> Done:
        """Wait for its end."""
        code = self.process.wait()
        seconds = time.perf_counter() - self._start
        told = self._told.read_text(encoding="utf-8") if self._told.is_file() else "{}"
        said = self._log.read_text(encoding="utf-8", errors="replace")
        return Done(code, said, seconds, json.loads(told).get("peak_gib"))


def words(name: str, *arguments: str, **options: object) -> list[str]:
    """Return what stands behind `pairgen`; an option that is True is a flag."""
    flags = []
    for key, value in options.items():
        flag = f"--{key.replace('_', '-')}"
        flags.append(flag if value is True else f"{flag}={value}")
    return [name, *arguments, *flags]


def run(
    setting: Setting, name: str, *arguments: str, on_gpu: bool = True, **options: object
) -> Done:
    """Run a command to its end."""
    return Command(setting, words(name, *arguments, **options), on_gpu).wait()
