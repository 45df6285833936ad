"""Processor seconds from Enter to the first noise, beside a script that imports the same classes.

    python benchmarks/startup.py [--repeats 5]

Prints one table of medians. Processor seconds, not the clock: other work on the machine does not
count. The script imports torch and the classes of diffusers and transformers that `--model tiny`
is made of, and nothing else. `--version` and `--help` stand below.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile

BARE = """
import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer
"""
# The first noise is the first thing that NumPy's Philox is asked for.
TO_FIRST_NOISE = """
import os, sys
import numpy as np

def first_noise(*_, **__):
    os._exit(0)

np.random.Philox = first_noise
sys.argv = ["pairgen", "ode", "--model", "tiny", "--cfg", "8", "--out", "pairs"]
from pairgen.cli import main
main()
"""
PAIRGEN = "import sys; sys.argv = ['pairgen', {arguments}]; from pairgen.cli import main; main()"


def processor_seconds(code: str, folder: str) -> float:
    """Run Python code in a process of its own; return its processor seconds, loading included."""
    with open(os.devnull, "wb") as nothing:
        process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=folder, stdout=nothing, stderr=nothing
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}: {code}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    commands = ("ode", "degrade", "train", "eval", "inspect", "verify")
    codes = {
        "bare script": BARE,
        "pairgen ode --model tiny, to the first noise": TO_FIRST_NOISE,
        "pairgen --version": PAIRGEN.format(arguments="'--version'"),
        "pairgen --help": PAIRGEN.format(arguments="'--help'"),
        **{
            f"pairgen {name} --help": PAIRGEN.format(arguments=f"'{name}', '--help'")
            for name in commands
        },
    }
    seconds: dict[str, list[float]] = {name: [] for name in codes}
    # In turn, so that a slow minute of the machine falls on all of them.
    for _ in range(repeats + 1):
        for name, code in codes.items():
            with tempfile.TemporaryDirectory() as folder:
                seconds[name].append(processor_seconds(code, folder))
    # The first of each only warms the file cache.
    medians = {name: statistics.median(values[1:]) for name, values in seconds.items()}
    bare = medians["bare script"]
    print(f"Processor seconds, medians of {repeats}:")
    for name, median in medians.items():
        above = f"  {median - bare:+.2f} above the bare script" if "noise" in name else ""
        print(f"{name:46} {median:5.2f}{above}")


if __name__ == "__main__":
    main()
