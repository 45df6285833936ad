"""A training run measured in minutes: learning rate, checkpoints, resume, one line of progress."""

import math
import os
import time
from pathlib import Path
from typing import Any

import torch


class Budget:
    """Counts training seconds over any number of interrupted runs.

    `state` holds everything that has a state_dict; it is written every two minutes, atomically,
    and read again when `path` exists. The seconds spent are part of the checkpoint, so a run
    that was stopped goes on with the minutes it has left.
    """

    def __init__(self, path: Path, minutes: float, state: dict[str, Any]) -> None:
        self.path, self.seconds, self.state = path, 60 * minutes, state
        self.step, self.spent = 0, 0.0
        self.logged: list[float] = []
        if path.exists():
            saved = torch.load(path, weights_only=True)
            self.step, self.spent = saved["step"], saved["spent"]
            for name, item in state.items():
                item.load_state_dict(saved[name])
            print(f"{path}: resumed at step {self.step}, {self.spent / 60:.1f} minutes in")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.last = self.saved = self.told = time.monotonic()

    @property
    def left(self) -> bool:
        """Whether there is time for another step."""
        return self.spent < self.seconds

    @property
    def rate(self) -> float:
        """Learning-rate factor: 100 steps up, then flat, then a cosine over the last 40 %."""
        decay = min(1.0, max(0.0, (self.spent / self.seconds - 0.6) / 0.4))
        return min(1.0, (self.step + 1) / 100) * (0.01 + 0.99 * math.cos(decay * math.pi / 2) ** 2)

    def tick(self, value: float) -> None:
        """Count one step with its loss; save and print when it is time."""
        now = time.monotonic()
        self.step += 1
        self.spent += now - self.last
        self.last = now
        self.logged.append(value)
        if now - self.told > 30 or not self.left:
            mean = sum(self.logged) / len(self.logged)
            pace = (now - self.told) / len(self.logged)
            print(
                f"step {self.step}, {self.spent / 60:.1f} of {self.seconds / 60:g} min, "
                f"{pace:.3f} s/step, loss {mean:.5f}",
                flush=True,
            )
            self.told, self.logged = now, []
        if now - self.saved > 120 or not self.left:
            self.save()
            self.saved = now

    def save(self) -> None:
        """Write the checkpoint beside its place, then put it there."""
        content = {name: item.state_dict() for name, item in self.state.items()}
        unfinished = self.path.with_suffix(".unfinished")
        torch.save({**content, "step": self.step, "spent": self.spent}, unfinished)
        os.replace(unfinished, self.path)
