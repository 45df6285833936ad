"""What `true_widths.py` prints: what a training took, and what its student takes to sample."""

import json
import resource
import statistics
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors import safe_open

from pairgen.config import packaged_assets

# Steps that warm up.
SKIPPED = 2
# Prints its highest memory in KiB; `ru_maxrss` would begin with that of the process that starts it.
COMMAND = """
import json, sys
import pairgen
getattr(pairgen, sys.argv[1])(**json.loads(sys.argv[2]))
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1])
"""


@contextmanager
def told(what: str) -> Iterator[None]:
    """Print how long something took, and the highest memory so far."""
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what}: {seconds:.0f} s; highest host memory so far {peak:.1f} GiB")


def report(run: Path, options: Namespace) -> None:
    """Print what is trained, memory, samples a second and the share of the wait for data."""
    for file in sorted(run.glob("checkpoints/*/*.safetensors")):
        with safe_open(file, "pt") as tensors:
            shapes = [tensors.get_slice(name).get_shape() for name in tensors.keys()]  # noqa: SIM118
        size = sum(torch.Size(shape).numel() for shape in shapes)
        print(f"{file.name}: {size:,} elements, {file.stat().st_size / 1e9:.2f} GB")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kept = lines[SKIPPED:] or lines
    speed = statistics.median(line["samples_per_second"] for line in kept)
    wait = statistics.mean(line["data_wait"] for line in kept)
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() / 2**30
        print(f"Highest memory of {torch.cuda.get_device_name()}: {peak:.1f} GiB")
    figures = {name: value for name, value in lines[-1].items() if "/" in name}
    print(
        f"{len(lines)} steps of {options.batch_size}, {options.latent_size} x "
        f"{options.latent_size}, {options.precision}, {options.optimizer}, torch "
        f"{torch.__version__}: {speed:.3g} samples/s, data wait {wait:.2%}; "
        + ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    )


def restore(folder: Path, run: Path, side: int) -> None:
    """Restore a picture with a run's student, in a process of its own.

    Args:
        folder: Where picture and restoration go.
        run: The run.
        side: Height and width of the picture.
    """
    picture = folder / "picture.png"
    with Image.open(packaged_assets() / "photographs/bridge.jpg") as photograph:
        photograph.crop((0, 0, side, side)).save(picture)
    out = folder / "restored"
    peak = _peak_gib("restore", model=run, images=picture, out=out, executor="serial")
    (receipt,) = (out / "__meta__/pictures").glob("*.json")
    made = json.loads(receipt.read_text(encoding="utf-8"))
    print(
        f"restoration of a picture to {made['size_px']} px: {made['made']['seconds']:.1f} s, the "
        f"student loaded; highest host memory of its process {peak:.1f} GiB"
    )


def judge(run: Path, data: str) -> None:
    """Judge a run's student by a picture that it was trained on, in a process of its own."""
    start = time.perf_counter()
    peak = _peak_gib("evaluate", run=run, data=data, num_samples=1, allow_training_data=True)
    seconds = time.perf_counter() - start
    rows = json.loads((run / "eval/eval.json").read_text(encoding="utf-8"))["rows"]
    (student,) = (row for row in rows if row["name"] == "student")
    print(
        f"`pairgen eval` of a picture: {seconds:.0f} s, of which its "
        f"{student['evaluations_per_picture']} evaluations and the decoding took "
        f"{student['seconds_per_picture']:.1f} s; PSNR {student['psnr_db']:.1f} dB; highest host "
        f"memory of its process {peak:.1f} GiB"
    )


def _peak_gib(command: str, **given: Any) -> float:
    """Run a command in a process of its own; return its highest memory."""
    plain = {name: str(each) if isinstance(each, Path) else each for name, each in given.items()}
    plain["cpu_threads"] = torch.get_num_threads()
    line = [sys.executable, "-c", COMMAND, command, json.dumps(plain)]
    said = subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout
    return int(said.split()[-1]) / 2**20
