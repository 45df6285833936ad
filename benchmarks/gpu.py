"""pairgen ode beside diffusers on one accelerator: images a second, and the share of its peak.

    python benchmarks/gpu.py [--batch-sizes 8,16,32,64] [--repeats 5] [--small]

Stable Diffusion 1.5's architecture with random weights in bfloat16, 64 x 64 latents, DDIM with 50
trailing steps and guidance; nobody decodes. In one run, interleaved, medians of `--repeats`:

1. `StableDiffusionPipeline`: batch 1, the best of `--batch-sizes`, and compiled;
2. pairgen's loop alone: noise and embeddings on the device, latents left there;
3. `pairgen ode` from prompts to a published shard: text, noise, files, hashes; eager and compiled.

Of each the share of the dense bfloat16 rate that a large product of matrices reaches here. Two
fresh processes then make one shard each, and their SHA-256 are compared. `--small` is a few
channels, to see that the script runs; its numbers mean nothing.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from interleaved import interleaved
from random_sd15 import write_model

import pairgen
from pairgen.execution.worker import Job, Worker
from pairgen.kinds.ode.maker import OdeMaker
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.store import open_store
from pairgen.types import Plan, ShardTask

# Of one evaluation for one latent of 64 x 64, counted by torch's FlopCounterMode on these shapes.
TERAFLOP_PER_EVALUATION = 0.8033


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def dense_rate(device: torch.device, small: bool) -> float:
    """Return the FLOP/s of a product of large bfloat16 matrices, the best of ten."""
    size = 512 if small else 8192
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(10):
        synchronize()
        start = time.perf_counter()
        a @ b
        synchronize()
        best = max(best, 2 * size**3 / (time.perf_counter() - start))
    return best


def first_shard(
    folder: Path, model: Path, batch: int, num: int, steps: int, compiled: bool
) -> Plan:
    """Make the first shard of a set by the command itself, and return the plan."""
    (folder / "prompts.txt").write_text("\n".join(prompts_of(num)), encoding="utf-8")
    command = [sys.executable, "-m", "pairgen", "ode", "--model", str(model), "--cfg", "7.5"]
    command += ["--prompts", str(folder / "prompts.txt"), "--out", str(folder / "set")]
    command += ["--steps", str(steps), "--batch-size", str(batch), "--dtype", "bfloat16"]
    command += ["--samples-per-shard", str(num), "--num-samples", str(num)]
    command += ["--compile"] if compiled else []
    subprocess.run(command, check=True, capture_output=True)
    return read_plan(open_store(folder / "set"))


def prompts_of(num: int) -> list[str]:
    return [f"picture number {number} of a thing" for number in range(num)]


def worker_run(plan: Plan, store_url: str, num: int) -> tuple[Callable[[], None], Worker]:
    """Return what makes and publishes the next shard of a set, and its worker."""
    worker = Worker(Job(plan=plan.to_dict(), store_url=store_url))
    numbers = count(1)

    def run() -> None:
        number = next(numbers)
        task = ShardTask(number, number * num, (number + 1) * num, plan.fingerprint())
        assert worker.run(task).count == num

    return run, worker


def loop_alone(maker: OdeMaker, batch: int, num: int) -> Callable[[], None]:
    """Return pairgen's sampling loop without text, noise, copies and files."""
    teacher, device = maker.teacher, maker.teacher.device
    conditioning = teacher.encode_prompts(prompts_of(batch))
    guidance = torch.full((batch,), 7.5, device=device)
    noise = torch.randn(batch, *teacher.latent_shape, device=device)

    def run() -> None:
        for _ in range(num // batch):
            sample(
                lambda x, t: teacher.predict(x, t, conditioning, guidance),
                noise,
                maker.grid,
                SOLVERS["ddim"],
            )
        synchronize()

    return run


def pipeline_run(pipeline: object, batch: int, num: int, steps: int) -> Callable[[], None]:
    """Return a loop over diffusers' pipeline."""

    def run() -> None:
        for first in range(0, num, batch):
            pipeline(  # type: ignore[operator]
                prompts_of(num)[first : first + batch],
                guidance_scale=7.5,
                num_inference_steps=steps,
                output_type="latent",
            )
        synchronize()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-sizes", default="8,16,32,64")
    parser.add_argument("--batch-size", type=int, default=32, help="of pairgen")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.machine()
    print(f"pairgen {pairgen.__version__}, torch {torch.__version__}, {name}")
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), device, options)


def measure(folder: Path, device: torch.device, options: argparse.Namespace) -> None:
    write_model(folder / "model", small=options.small, latent_size=8 if options.small else 64)
    peak = dense_rate(device, options.small)
    print(f"dense bfloat16 rate {peak / 1e12:.1f} TFLOP/s")
    batch = options.batch_size
    num = 2 * batch

    def load() -> object:
        pipeline = StableDiffusionPipeline.from_pretrained(
            folder / "model", dtype=torch.bfloat16, safety_checker=None
        ).to(device)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    eager, compiled = load(), load()
    seconds = {}
    for size in map(int, options.batch_sizes.split(",")):
        short = {"loop": pipeline_run(eager, size, size, max(options.steps // 5, 1))}
        seconds[size] = interleaved(short, 3)["loop"] / size
        print(f"diffusers, batch {size}: {seconds[size]:.4f} s/image of a fifth of the steps")
    best = min(seconds, key=seconds.__getitem__)
    compiled.unet.to(memory_format=torch.channels_last)  # type: ignore[attr-defined]
    compiled.unet.compile(dynamic=False)  # type: ignore[attr-defined]
    runs: dict[str, tuple[int, Callable[[], None]]] = {
        "diffusers, batch 1": (1, pipeline_run(eager, 1, 1, options.steps)),
        f"diffusers, batch {best}": (best, pipeline_run(eager, best, best, options.steps)),
        f"diffusers, compiled, channels last, batch {batch}": (
            batch,
            pipeline_run(compiled, batch, batch, options.steps),
        ),
    }
    for flag, told in ((False, ""), (True, ", compiled")):
        home = folder / f"pairgen-{flag}"
        home.mkdir()
        plan = first_shard(home, folder / "model", batch, num, options.steps, flag)
        run, worker = worker_run(plan, str(home / "set"), num)
        assert isinstance(worker.maker, OdeMaker)
        runs[f"pairgen ode{told}, batch {batch}, to the shard"] = (num, run)
        runs[f"its loop alone{told}"] = (num, loop_alone(worker.maker, batch, num))
    medians = interleaved({name: run for name, (_, run) in runs.items()}, options.repeats)
    flops = 2 * options.steps * TERAFLOP_PER_EVALUATION * 1e12
    for name, (images, _) in runs.items():
        rate = images / medians[name]
        share = "" if options.small else f"{100 * rate * flops / peak:6.1f} % of the dense rate"
        print(f"  {name:<52} {rate:8.3f} images/s {share}")
    for flag in (False, True):
        shas = set()
        for number in range(2):
            home = folder / f"again-{flag}-{number}"
            home.mkdir()
            first_shard(home, folder / "model", batch, batch, options.steps, flag)
            receipt = json.loads((home / "set/__meta__/shards/00000.json").read_text())
            shas.add(receipt["sha256"])
        told = "equal" if len(shas) == 1 else "different"
        print(f"two processes{', compiled' if flag else ''}: {told} SHA-256")


if __name__ == "__main__":
    main()
