r"""A training of Diffusion2GAN at Stable Diffusion 1.5's true widths: memory, samples a second.

    python benchmarks/diffusion2gan.py --latent-size 64 --steps 50 --precision bfloat16 \
        --gradient-checkpointing                            # where a GPU is at hand
    python benchmarks/diffusion2gan.py --latent-size 16 --steps 1 --batch-size 2 \
        --optimizer adamw8bit                               # on a CPU with 24 GiB

Random weights of the true architecture, pairs of one DDIM step of it, a random E-LatentLPIPS at
full width, and `pairgen train diffusion2gan` on them: the real command in this process. R1 is taken
every second step, or at once where there is but one, so that its memory is in the figure; samples a
second are those of the steps after the first two. `--small` is a few channels, to see that the
script runs.
"""

import argparse
import json
import resource
import statistics
import tempfile
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from random_models import write_sd15

import pairgen
from pairgen.networks.latent_vgg import LatentVgg
from pairgen.networks.lpips import Lpips
from pairgen.networks.lpips_file import LpipsOrigin, save_lpips
from pairgen.process_state import seeded

R1_EVERY = 2
SKIPPED = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latent-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--optimizer", default="adamw")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--folder", type=Path, help="kept; a temporary one else")
    options = parser.parse_args()
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        measure(options.folder, options)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    model, pairs, run = folder / "model", folder / "pairs", folder / "run"
    if not (model / "model_index.json").is_file():
        # In float32, as a training keeps its weights.
        write_sd15(model, small=options.small, latent_size=options.latent_size, dtype=torch.float32)
    count_parameters(model)
    net = folder / "latent_lpips.safetensors"
    write_perceptual_net(net)
    prompts = folder / "prompts.txt"
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
    pairgen.train(
        "diffusion2gan",
        data=str(pairs),
        out=str(run),
        perceptual=str(net),
        steps=options.steps,
        batch_size=options.batch_size,
        precision=options.precision,
        optimizer=options.optimizer,
        gradient_checkpointing=options.gradient_checkpointing,
        r1_every=min(R1_EVERY, options.steps),
        ema_decay=0.0,
        log_every=1,
        checkpoint_every=options.steps + 1,
        grid_every=options.steps + 1,
        num_grid_prompts=1,
        tensorboard=False,
        resume=(run / "config.yaml").is_file(),
    )
    report(run, options)


@seeded(0)
def write_perceptual_net(file: Path) -> None:
    """Write a random E-LatentLPIPS at full width, for latents of 4 channels."""
    origin = LpipsOrigin(made_for="a benchmark", made_by="random numbers")
    save_lpips(file, Lpips(LatentVgg(4)), origin)


def count_parameters(model: Path) -> None:
    """Print the parameters of a player, counted without memory."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(
            json.loads((model / "unet/config.json").read_text(encoding="utf-8"))
        )
    print(f"UNet: {sum(each.numel() for each in unet.parameters()):,} parameters, on meta")


def report(run: Path, options: argparse.Namespace) -> None:
    """Print memory, samples a second and the share of the wait for data."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    kept = lines[SKIPPED:] or lines
    speed = statistics.median(line["samples_per_second"] for line in kept)
    wait = statistics.mean(line["data_wait"] for line in kept)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    where = "host memory"
    if torch.cuda.is_available():
        peak, where = torch.cuda.max_memory_allocated() / 2**30, torch.cuda.get_device_name()
    print(
        f"{len(lines)} steps of {options.batch_size}, {options.latent_size} x "
        f"{options.latent_size}, {options.precision}, {options.optimizer}, torch "
        f"{torch.__version__}: {speed:.2f} samples/s, data wait {wait:.2%}, peak {peak:.1f} GiB "
        f"({where}); losses {lines[-1]['student/loss']:.3f}, {lines[-1]['discriminator/loss']:.3f}"
    )


if __name__ == "__main__":
    main()
