"""One of each: an ODE set, a degraded set, overlays of both kinds, a run with its export.

All lie in one folder, by these names; what lies beside each other refers to the other by name.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.hostile.flips.child import run

ODE, DEGRADE, PAIRS, RUN = "ode", "hr", "pairs", "run"
OVERLAY, BY_VALUE = f"{DEGRADE}.annotations", f"{ODE}.annotations"
SERIAL = ("--executor", "serial")
COMMANDS: Mapping[str, Sequence[str]] = {
    ODE: (
        *("ode", "--model", "gaussian", "--cfg", "3,8", "--steps", "2", "--num-samples", "12"),
        *("--samples-per-shard", "6", "--batch-size", "4", *SERIAL, "--out", ODE),
    ),
    DEGRADE: (
        *("degrade", "--scales", "4", "--crop", "16", "--samples-per-shard", "2"),
        *(*SERIAL, "--out", DEGRADE),
    ),
    OVERLAY: ("annotate", DEGRADE, "--add", "canny", *SERIAL),
    BY_VALUE: ("annotate", ODE, "--add", "tests.text_annotator", *SERIAL),
    PAIRS: (
        *("ode", "--model", "tiny", "--cfg", "4", "--steps", "1", "--num-samples", "4"),
        *("--samples-per-shard", "4", "--batch-size", "2", *SERIAL, "--out", PAIRS),
    ),
    RUN: (
        *("train", "regression", "--data", PAIRS, "--steps", "2", "--batch-size", "2"),
        *("--checkpoint-every", "1", "--set", "num_grid_prompts=1", "--out", RUN),
    ),
}
# What grows a set that the command above it has made.
MORE: Mapping[str, Sequence[str]] = {
    DEGRADE: ("degrade", "--samples-per-image", "2", *SERIAL, "--out", DEGRADE),
}


def make_all(root: Path, names: Sequence[str]) -> None:
    """Make what has these names in a folder."""
    for name in names:
        for command in (COMMANDS[name], MORE.get(name, ())):
            if command:
                outcome = run(command, root, timeout=600)
                assert outcome.code == 0, f"{' '.join(command)}: {outcome.text}"
