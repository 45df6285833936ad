r"""A training at the true widths of its published model: memory, samples a second.

    python benchmarks/true_widths.py diffusion2gan --latent-size 64 --steps 50 \
        --precision bfloat16 --gradient-checkpointing       # where a GPU is at hand
    python benchmarks/true_widths.py diffusion2gan --latent-size 16 --steps 1 --batch-size 2 \
        --optimizer adamw8bit                               # on a CPU with 24 GiB
    python benchmarks/true_widths.py add --latent-size 16 --steps 1 --batch-size 1 \
        --lora-rank 4                                       # on a CPU with 12 GiB
    python benchmarks/true_widths.py ladd --latent-size 16 --steps 1 --batch-size 1 \
        --lora-rank 4                                       # on a CPU with 12 GiB
    python benchmarks/true_widths.py osediff --latent-size 16 --steps 1 --batch-size 1
                                                            # on a CPU with 10 GiB
    python benchmarks/true_widths.py yonos --latent-size 16 --steps 1 --batch-size 1 \
        --lora-rank 4                                       # on a CPU with 12 GiB

Random weights of the true architecture, and the real commands in this process:

- `diffusion2gan`: Stable Diffusion 1.5, pairs of one DDIM step of it, a random E-LatentLPIPS at
  full width. R1 is taken every second step, or at once where there is but one, so that its memory
  is in the figure.
- `add`: Stable Diffusion 1.5 with its VAE, DINOv2-small at 518 px, painted pictures with captions.
- `ladd`: Stable Diffusion 1.5, and such pairs, of which it reads the latents.
- `osediff`: Stable Diffusion 2.1-base with its VAE, LPIPS on a random VGG16, painted pictures with
  tags, and the recipe as it stands; then `pairgen restore` of one picture with the student.
- `yonos`: Stable Diffusion 1.5 with its VAE, painted pictures with nested levels. First one step of
  the stage x2, then the stage x4, which has it for a teacher; then `pairgen restore` with that.
- `yonos_decoder`: the decoder behind such a stage x2, LPIPS on a random VGG16; then `pairgen
  restore`.

Samples a second are those of the steps after the first two. `--small` is a few channels, to see
that the script runs.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from random_models import (
    write_dino,
    write_perceptual_net,
    write_sd15,
    write_sd21_base,
    write_vgg16,
)
from safetensors import safe_open

import pairgen
from pairgen.config import packaged_assets

R1_EVERY = 2
SKIPPED = 2
SCALE = 4
LATENT_PX = 8
WITH_ADAPTERS = ("add", "ladd", "yonos")
# Prints its highest memory in KiB; `ru_maxrss` would begin with that of the process that starts it.
RESTORE = """
import json, sys
import pairgen
pairgen.restore(**json.loads(sys.argv[1]))
(peak,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak.split()[1])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", choices=DATA)
    parser.add_argument("--latent-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--optimizer", default="adamw")
    parser.add_argument("--lora-rank", type=int, default=0, help="of add, ladd and yonos; 0: all")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--folder", type=Path, help="kept; a temporary one else")
    options = parser.parse_args()
    if options.lora_rank and not options.method.startswith(WITH_ADAPTERS):
        parser.error(
            f"--lora-rank is for add, ladd, yonos and yonos_decoder, not for {options.method}"
        )
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        measure(options.folder, options)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Write a model and data, train, and restore a picture if the student restores."""
    model, run = folder / "model", folder / "run"
    with told("model and data"):
        if not (model / "model_index.json").is_file():
            # In float32, as a training keeps its weights.
            WRITE[options.method](
                model,
                small=options.small,
                latent_size=options.latent_size,
                dtype=torch.float32,
            )
        given = DATA[options.method](folder, model, options)
    with told("training, its checkpoint and its export"):
        train(options.method, model, run, options, steps=options.steps, **given)
    report(run, options)
    if "scale" in given:
        restore(folder, run, options, given["scale"])


def train(
    method: str, model: Path, run: Path, options: argparse.Namespace, *, steps: int, **given: Any
) -> None:
    """Train by a method; nothing is written before the end."""
    pairgen.train(
        method,
        model=str(model),
        out=str(run),
        steps=steps,
        batch_size=options.batch_size,
        precision=options.precision,
        optimizer=options.optimizer,
        gradient_checkpointing=options.gradient_checkpointing,
        ema_decay=0.0,
        log_every=1,
        checkpoint_every=steps + 1,
        grid_every=steps + 1,
        num_grid_prompts=1,
        tensorboard=False,
        resume=(run / "config.yaml").is_file(),
        **given,
    )


def make_judged(folder: Path, model: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    """Make what Diffusion2GAN learns from; return the options that name it."""
    net = folder / "net.safetensors"
    write_perceptual_net(net)
    return {
        "data": make_pairs(folder, model, options),
        "perceptual": str(net),
        "r1_every": min(R1_EVERY, options.steps),
    }


def make_latents(folder: Path, model: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    """Make what LADD learns from; return the options that name it, and the student's adapters."""
    # The heads of its discriminator have none.
    own = {f"student.{name}": value for name, value in adapters(options).items()}
    return {"data": make_pairs(folder, model, options), **own}


def make_pairs(folder: Path, model: Path, options: argparse.Namespace) -> str:
    """Make pairs of noise and latent; return their folder."""
    prompts, pairs = folder / "prompts.txt", folder / "pairs"
    prompts.write_text("".join(f"thing {number}\n" for number in range(8)), encoding="utf-8")
    num = max(2 * options.batch_size, 8)
    pairgen.ode(
        model=str(model),
        prompts=str(prompts),
        steps=1,
        cfg=1,
        num_samples=num,
        samples_per_shard=num,
        batch_size=options.batch_size,
        cpu_threads=torch.get_num_threads(),
        out=str(pairs),
        executor="serial",
    )
    return str(pairs)


def adapters(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options of the student's adapters; none where all weights are trained."""
    return {"lora_rank": options.lora_rank} if options.lora_rank else {}


def make_restorable(folder: Path, model: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    """Make what OSEDiff learns from; return the options that name it."""
    del model
    vgg16 = folder / "vgg16.pth"
    write_vgg16(vgg16)
    pairs = degrade(folder, options, degradation="osediff")
    return {"data": pairs, "perceptual": str(vgg16), "scale": SCALE}


def make_pictures(folder: Path, model: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    """Make what ADD learns from; return the options that name it."""
    del model
    dino, pictures = folder / "dino", str(folder / "pictures")
    if not dino.is_dir():
        write_dino(dino, small=options.small)
    pairgen.collect(
        images="package:painted",
        num_images=max(2 * options.batch_size, 8),
        size=LATENT_PX * options.latent_size,
        out=pictures,
        executor="serial",
    )
    norm = {} if options.batch_size % 8 == 0 else {"norm_batch": options.batch_size}
    # The heads have no adapters.
    own = {f"student.{name}": value for name, value in adapters(options).items()}
    return {"data": pictures, "features": str(dino), **norm, **own}


def make_stage(folder: Path, model: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    """Train a stage x2 of YONOS-SR for a step; return the options of the stage x4 behind it."""
    pairs, before = degrade(folder, options, degradation="bicubic", nested=True), folder / "x2"
    chosen = adapters(options)
    if chosen:
        # The new input channels are zero: they learn as a whole.
        chosen["trained_layers"] = ["conv_in"]
    if not (before / "model.yaml").is_file():
        train("yonos", model, before, options, steps=1, data=pairs, scale=SCALE // 2, **chosen)
    return {"data": pairs, "scale": SCALE, "teacher": str(before), **chosen}


def make_network(folder: Path, model: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    """Train a stage x2 of YONOS-SR for a step; return the options of the decoder behind it."""
    stage, vgg16 = make_stage(folder, model, options), folder / "vgg16.pth"
    write_vgg16(vgg16)
    return {
        "data": stage["data"],
        "scale": SCALE // 2,
        "network": stage["teacher"],
        "perceptual": str(vgg16),
    }


def degrade(folder: Path, options: argparse.Namespace, **given: Any) -> str:
    """Make pairs of HR and LR; return their folder."""
    pairs = str(folder / "pairs")
    pairgen.degrade(
        images="package:painted",
        num_images=max(2 * options.batch_size, 8),
        crop=LATENT_PX * options.latent_size,
        scales=SCALE,
        out=pairs,
        executor="serial",
        **given,
    )
    return pairs


DATA = {
    "add": make_pictures,
    "diffusion2gan": make_judged,
    "ladd": make_latents,
    "osediff": make_restorable,
    "yonos": make_stage,
    "yonos_decoder": make_network,
}
WRITE = {
    "add": partial(write_sd15, true_vae=True),
    "diffusion2gan": write_sd15,
    "ladd": write_sd15,
    "osediff": write_sd21_base,
    "yonos": partial(write_sd15, true_vae=True),
    "yonos_decoder": partial(write_sd15, true_vae=True),
}


def restore(folder: Path, run: Path, options: argparse.Namespace, scale: int) -> None:
    """Restore a picture to the size of the training's, in a process of its own."""
    side, picture = LATENT_PX * options.latent_size // scale, folder / "picture.png"
    with Image.open(packaged_assets() / "photographs/bridge.jpg") as photograph:
        photograph.crop((0, 0, side, side)).save(picture)
    given = {
        "model": str(run),
        "images": str(picture),
        "cpu_threads": torch.get_num_threads(),
        "out": str(folder / "restored"),
        "executor": "serial",
    }
    line = [sys.executable, "-c", RESTORE, json.dumps(given)]
    peak = int(subprocess.run(line, check=True, stdout=subprocess.PIPE).stdout) / 2**20
    (receipt,) = (folder / "restored/__meta__/pictures").glob("*.json")
    made = json.loads(receipt.read_text(encoding="utf-8"))
    print(
        f"restoration of a picture to {made['size_px']} px: {made['made']['seconds']:.1f} s, the "
        f"student loaded; highest host memory of its process {peak:.1f} GiB"
    )


@contextmanager
def told(what: str) -> Iterator[None]:
    """Print how long something took, and the highest memory so far."""
    start = time.perf_counter()
    yield
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what}: {seconds:.0f} s; highest host memory so far {peak:.1f} GiB")


def report(run: Path, options: argparse.Namespace) -> None:
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


if __name__ == "__main__":
    main()
