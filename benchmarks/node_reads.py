"""How often the weights of a teacher are read from the disk of a node, for one worker and for two.

    python benchmarks/node_reads.py [--small]

Writes random weights of Stable Diffusion 1.5's widths, and runs `pairgen ode` on Ray: with one
worker, then with two, each time after the weights were dropped from the page cache; and with two
again, which find them there. A worker makes one sample. Prints what was read from the disk, as the
kernel counts it for the device, beside the size of the weights. What other programs read meanwhile
counts too. `TMPDIR` must lie on a disk: the kernel counts nothing for a tmpfs or an overlay.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from memory import GB
from random_models import write_sd15

from pairgen.drawing.table import markdown

# Unit of the counters in /sys/dev/block/*/stat, whatever the sector size of the disk is.
SECTOR_BYTES = 512


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a few channels")
    options = parser.parse_args()
    lines = [["workers", "weights, GB", "read from the disk, GB", "seconds"]]
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        model.mkdir()
        write_sd15(model, small=options.small, latent_size=8)
        size = sum(file.stat().st_size for file in weights(model))
        for num_workers, is_cold in ((1, True), (2, True), (2, False)):
            if is_cold:
                forget(model)
            before, start = bytes_read(model), time.monotonic()
            make(model, num_workers, Path(folder) / f"{num_workers}-{is_cold}")
            seconds = time.monotonic() - start
            read = bytes_read(model) - before
            told = f"{num_workers}, {'nothing' if is_cold else 'weights'} in the page cache"
            lines.append([told, f"{size / GB:.2f}", f"{read / GB:.2f}", f"{seconds:.0f}"])
    print("\n".join(markdown(lines)))


def weights(model: Path) -> list[Path]:
    return sorted(model.rglob("*.safetensors"))


def forget(model: Path) -> None:
    """Drop the weights from the page cache."""
    for file in weights(model):
        descriptor = os.open(file, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def bytes_read(path: Path) -> int:
    """Return what the device of a path has read since the machine started."""
    number = path.stat().st_dev
    counters = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/stat").read_text()
    return int(counters.split()[2]) * SECTOR_BYTES


def make(model: Path, num_workers: int, out: Path) -> None:
    """Make a sample by each worker."""
    line = [sys.executable, "-m", "pairgen", "ode", f"--model={model}", "--cfg=1", "--steps=1"]
    prompts = model / "prompts.txt"
    prompts.write_text("a cat\n", encoding="utf-8")
    line += [f"--prompts={prompts}", f"--num-samples={num_workers}", "--samples-per-shard=1"]
    line += ["--batch-size=1", "--dtype=float32", "--executor=ray", f"--num-workers={num_workers}"]
    done = subprocess.run([*line, f"--out={out}"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)


if __name__ == "__main__":
    main()
