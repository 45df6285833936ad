"""How fast `pairgen verify` reads, and how much memory it takes.

    python benchmarks/verify.py [--num-samples 4096] [--num-small 100000] [--num-workers 2]

1. Pairs of Stable Diffusion 1.5's size (noise and latent of 4x64x64 float16, text, facts), in the
   page cache: whole, by a fraction, quick, and by Ray's workers; samples and bytes a second, and
   what that makes of ten million.
2. Many small samples of the closed-form teacher: the peak memory of a process of its own.
3. The audit of ten million noise hashes alone: seconds and peak memory.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow
from loader import pair, pairs_plan, write_samples

import pairgen
from pairgen.execution.progress import format_seconds
from pairgen.shards.check.noise_audit import NoiseAudit, ShardNoise

MANY = 10_000_000

# Runs in a process of its own: the peak of a process never falls.
MEASURE = """
import json, resource, sys, time
import pairgen

pairgen.verify  # What every command imports is no memory of the check.
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
before, start, cpu_start = peak(), time.perf_counter(), time.process_time()
report = pairgen.verify(sys.argv[1], **json.loads(sys.argv[2]))
seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
assert report.clean, report.table()
figures = [seconds, cpu_seconds, report.num_samples, report.num_bytes, peak() - before]
print(json.dumps(figures))
"""


def measure(name: str, folder: Path, **options: object) -> None:
    """Print seconds, seconds of this process on a core, rates by both, and growth of memory."""
    line = [sys.executable, "-c", MEASURE, str(folder), json.dumps(options)]
    run = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    seconds, cpu_seconds, samples, num_bytes, peak = json.loads(run.stdout)
    print(f"  {name:<24} {seconds:7.2f} s, {cpu_seconds:6.2f} s of a core, +{peak:.0f} MB")
    ways = [("", seconds)]
    # What Ray's workers compute is no time of this process.
    ways += [] if "executor" in options else [(" of a core", cpu_seconds)]
    for which, each in ways:
        if samples:
            print(
                f"{'':>28}{samples / each:7,.0f} samples, {num_bytes / each / 1e6:4.0f} MB a second"
                f"{which}; ten million: {format_seconds(MANY * each / samples)}{which}"
            )


def bench_large(num: int, num_workers: int) -> None:
    print(f"\n{num:,} pairs of 2 x 4x64x64 float16")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_samples(folder, pairs_plan(num, 512, "stored"), pair)
        measure("whole", folder)
        workers = f"whole, {num_workers} Ray workers"
        measure(workers, folder, executor="ray", num_workers=num_workers)
        measure("--fraction 0.25", folder, fraction=0.25)
        measure("--quick", folder, quick=True)


def bench_small(num: int) -> None:
    print("\nSmall samples of `gaussian`")
    options = {"model": "gaussian", "cfg": 4, "steps": 1, "executor": "serial"}
    options |= {"samples_per_shard": 1000, "batch_size": 1000}
    with tempfile.TemporaryDirectory() as temporary:
        for each in (num // 10, num):
            folder = Path(temporary) / str(each)
            pairgen.ode(**options, num_samples=each, out=str(folder))
            measure(f"{each:,} samples", folder)


def bench_audit() -> None:
    for title, equal in (("all different", False), ("all equal", True)):
        hashes = np.random.default_rng(0).integers(1, 2**63, MANY).astype(np.uint64)
        if equal:
            hashes[:] = 5
        tracemalloc.start()
        start = time.perf_counter()
        audit = NoiseAudit(pairs_plan(MANY, 1000, "stored"))
        for first in range(0, MANY, 1000):
            slots = np.arange(first, first + 1000)
            audit.add(ShardNoise(slots, hashes[slots], num_values=1000, sum=0, sum_squares=1000))
        num_problems = len(audit.problems())
        seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"  {title}: {seconds:.1f} s, peak {peak / 1e6:.0f} MB, {num_problems} problems")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-samples", type=int, default=4096)
    parser.add_argument("--num-small", type=int, default=100_000)
    parser.add_argument("--num-workers", type=int, default=2)
    args = parser.parse_args()
    print(
        f"pairgen {pairgen.__version__}, NumPy {np.__version__}, PyArrow {pyarrow.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}"
    )
    bench_large(args.num_samples, args.num_workers)
    bench_small(args.num_small)
    print(f"\nAudit of {MANY:,} noise hashes")
    bench_audit()


if __name__ == "__main__":
    sys.exit(main())
