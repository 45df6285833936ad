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
    python benchmarks/true_widths.py codi --trains branch --latent-size 16 --steps 1 \
        --batch-size 1                                      # on a CPU with 14 GiB

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
- `codi`: Stable Diffusion 1.5 with its VAE, painted pictures with captions and LR at 1/4. With
  `--trains branch` it is PE-CoDi; with `--lora-rank` the network has adapters beside the whole
  branch. Then `pairgen eval` of a picture, in the student's four steps.

Samples a second are those of the steps after the first two. `--small` is a few channels, to see
that the script runs.
"""

import argparse
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from random_models import (
    write_dino,
    write_perceptual_net,
    write_sd15,
    write_sd21_base,
    write_vgg16,
)
from run_figures import judge, report, restore, told

import pairgen
from pairgen.methods._codi.options import FUSION_OF

R1_EVERY = 2
SCALE = 4
LATENT_PX = 8
WITH_ADAPTERS = ("add", "codi", "ladd", "yonos")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method", choices=DATA)
    parser.add_argument("--latent-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--optimizer", default="adamw")
    parser.add_argument("--lora-rank", type=int, default=0, help="0: all weights")
    parser.add_argument("--trains", choices=FUSION_OF, help="of codi")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--folder", type=Path, help="kept; a temporary one else")
    options = parser.parse_args()
    if options.lora_rank and not options.method.startswith(WITH_ADAPTERS):
        parser.error(
            f"--lora-rank is for add, codi, ladd, yonos and yonos_decoder, not for {options.method}"
        )
    if options.trains and options.method != "codi":
        parser.error(f"--trains is for codi, not for {options.method}")
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
        measure(options.folder, options)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Write a model and data, train, and sample with the student if it makes images of images."""
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
    if options.method == "codi":
        judge(run, given["data"])
    elif "scale" in given:
        restore(folder, run, LATENT_PX * options.latent_size // given["scale"])


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


def make_conditioned(folder: Path, model: Path, options: argparse.Namespace) -> Mapping[str, Any]:
    """Make what CoDi learns from; return the options that name it."""
    del model
    trains = {"trains": options.trains} if options.trains else {}
    pairs = degrade(folder, options, degradation="bicubic")
    return {"data": pairs, **trains, **adapters(options)}


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
    "codi": make_conditioned,
    "diffusion2gan": make_judged,
    "ladd": make_latents,
    "osediff": make_restorable,
    "yonos": make_stage,
    "yonos_decoder": make_network,
}
WRITE = {
    "add": partial(write_sd15, true_vae=True),
    "codi": partial(write_sd15, true_vae=True),
    "diffusion2gan": write_sd15,
    "ladd": write_sd15,
    "osediff": write_sd21_base,
    "yonos": partial(write_sd15, true_vae=True),
    "yonos_decoder": partial(write_sd15, true_vae=True),
}


if __name__ == "__main__":
    main()
