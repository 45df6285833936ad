"""Train the perceptual networks of the tiny world: one of its latents, one of its pictures.

    python pipelines/tiny_teacher/train_perceptual.py --space latent
    python pipelines/tiny_teacher/train_perceptual.py --space pixel

Paints labelled pictures (the label is the thing, of 155), encodes them by the tiny VAE, and does
what `pairgen train latent-lpips` does: a narrow VGG learns to classify, then the weights of its
channels are calibrated on triplets of one distortion at two strengths. Writes
`pairgen/assets/perceptual/tiny_latent.safetensors` or `tiny_pixel.safetensors`. A stopped run goes
on when it is started again. Held-out compositions are never trained on; they give the figures.

Nothing here knows the evaluation net (`pairgen/assets/judge`): other pictures, another
architecture, another objective.

What is shipped, made on one shared CPU core (VGG of width 0.1875, batches of 64). The net of
pictures is that of the command above. The net of latents had 2,500 steps: the first 700 were a run
of its own, whose learning rate had gone to 0, then the same command with `--steps 2500` continued
it.

| | latent | pixel |
|---|---|---|
| steps | 2,500 | 700 |
| classification, minutes | 6.5, then 17 | 5.2 |
| top-1 of 2,048 pictures of held-out compositions (most frequent thing: 2.3 %) | 94.2 % | 90.9 % |
| agreement on 512 held-out triplets, all channels alike | 93.6 % | 96.5 % |
| the same after the calibration | 94.5 % | 96.5 % |
| bytes | 1,059,800 | 1,059,584 |

Painting, encoding and the triplets take some six minutes more. The self-made triplets are easy, so
the calibration has little to find: 0.9 % of 512 judgements in latents, none in pictures.
"""

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from batches import paint_all
from numpy.typing import NDArray
from picture_bank import open_bank
from torch import Tensor

from pairgen import plugins
from pairgen.jobs.latent_lpips.classification import Classifier, Labelled, score_held_out
from pairgen.jobs.latent_lpips.distorted import distort
from pairgen.jobs.latent_lpips.fit import calibration_folder, fit_weights, open_classifier
from pairgen.jobs.latent_lpips.memory import MemoryBatches
from pairgen.jobs.latent_lpips.options import METHOD, read_options
from pairgen.jobs.latent_lpips.stage import run_stage
from pairgen.jobs.latent_lpips.triplets import Triplets, measure
from pairgen.model_config import find_model
from pairgen.networks.latent_vgg import LATENT_POOLS_REMOVED, LatentVgg
from pairgen.networks.lpips import Lpips
from pairgen.networks.lpips_file import LpipsOrigin, save_lpips
from pairgen.shards.loading.batch import Batch
from pairgen.sources.painted.compositions import (
    Composition,
    all_compositions,
    draw_where,
    load_concepts,
)
from pairgen.teachers.base import Teacher
from pairgen.training.config import make_train_config
from pairgen.types import canonical_json

BANK_SEED, HELD_OUT_SEED, ENCODER_SEED = 8101, 8102, 8103
SEEDS = {"latent": 8104, "pixel": 8105}
NUM_BLOCKS, NUM_HELD_OUT = 64, 2_048
NUM_TRIPLETS, NUM_JUDGES = 2_048, 512
WIDTH = 0.1875
BLOCK, TRIPLET_BATCH = 256, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, default=Path("data/tiny_teacher/perceptual"))
    parser.add_argument("--out", type=Path, default=Path("pairgen/assets/perceptual"))
    parser.add_argument("--space", choices=sorted(SEEDS), required=True)
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    space, seed = arguments.space, SEEDS[arguments.space]
    teacher = load_teacher()
    pictures, labels = seen_pictures(arguments.runs)
    in_latents = space == "latent"
    latents = seen_latents(teacher, pictures, arguments.runs)
    other_pictures, other_labels = held_out_pictures()
    # In pixels only those latents are needed that triplets are made of.
    judges = other_pictures if in_latents else other_pictures[:NUM_JUDGES]
    other_latents = encode(teacher, judges, ENCODER_SEED + 1)
    config = make_train_config(
        {
            "method": METHOD,
            "data": "painted",
            "space": space,
            "width": WIDTH,
            "steps": arguments.steps,
            "batch_size": arguments.batch_size,
            "lr": arguments.lr,
            "warmup_steps": 50,
            "max_shift": 2 if in_latents else 6,
            "seed": seed,
            "checkpoint_every": 200,
        }
    )
    options = read_options(config)
    torch.manual_seed(seed)
    channels, removed = (4, LATENT_POOLS_REMOVED) if in_latents else (3, 0)
    num_classes = sum(map(len, load_concepts()))
    classifier = Classifier(LatentVgg(channels, WIDTH, removed), num_classes)
    # A fifth faster on a CPU.
    classifier.to(memory_format=torch.channels_last)
    inputs = latents if in_latents else pictures
    folder, accelerator = arguments.runs / space, Accelerator(cpu=True)
    trainer = open_classifier(
        config,
        options,
        classifier,
        read,
        lambda state: MemoryBatches(
            {"inputs": inputs, "labels": labels}, config.batch_size, seed, state
        ),
        folder,
        accelerator,
    )
    if run_stage(trainer) < config.steps:
        return
    other_inputs = other_latents if in_latents else other_pictures
    parts = zip(other_inputs.split(BLOCK), other_labels.split(BLOCK), strict=True)
    score = score_held_out(
        classifier,
        (Labelled(to_inputs(x), y, torch.ones(len(y), dtype=torch.bool)) for x, y in parts),
    )
    lpips = Lpips(classifier.net)
    measured = measure(
        lpips.net,
        make_triplets(latents[:NUM_TRIPLETS], other_latents[:NUM_JUDGES], teacher, space, seed),
    )
    calibration = calibration_folder(folder, config.steps)
    done, agreed = fit_weights(config, options, lpips, measured, calibration, accelerator)
    if done < options.calibration_steps:
        return
    made_by = (
        f"pipelines/tiny_teacher/train_perceptual.py --space {space} --steps {config.steps} "
        f"--batch-size {config.batch_size}"
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / f"tiny_{space}.safetensors"
    origin = LpipsOrigin(made_for=canonical_json(decoder_identity()), made_by=made_by)
    save_lpips(path, lpips, origin, torch.float16)
    figures = {
        "top_1": score.top_1,
        "chance": score.chance,
        "held_out_pictures": score.num_samples,
        **agreed,
        "bytes": path.stat().st_size,
    }
    print(json.dumps(figures, indent=2))


def decoder_identity() -> Mapping[str, Any]:
    """Return what tells the embedded teacher's VAE from others."""
    model = find_model("tiny")
    described = plugins.call(
        "teachers", model.teacher, "describe_decoder", location=model.location, **model.options
    )
    identity: Mapping[str, Any] = described.identity
    return identity


def load_teacher() -> Teacher:
    """Return the embedded teacher without its network."""
    model = find_model("tiny")
    teacher: Teacher = plugins.build(
        "teachers",
        model.teacher,
        location=model.location,
        device=torch.device("cpu"),
        dtype=torch.float32,
        negative_prompt="",
        with_network=False,
        **model.options,
    )
    return teacher


def seen_pictures(runs: Path) -> tuple[Tensor, Tensor]:
    """Return pictures of seen compositions [N, 3, 64, 64] uint8 and their labels [N]."""
    compositions = all_compositions()
    places = {composition: place for place, composition in enumerate(compositions)}
    bank = open_bank(runs / "bank", NUM_BLOCKS, BANK_SEED, places)
    shown = [compositions[place] for place in bank.shown]
    return to_levels(np.array(bank.pictures)), labels_of(shown)


def seen_latents(teacher: Teacher, pictures: Tensor, runs: Path) -> Tensor:
    """Return the latents of seen pictures, [N, 4, 16, 16]; encoded once, which takes minutes."""
    path = runs / "latents.npy"
    if not path.exists() or len(np.load(path, mmap_mode="r")) != len(pictures):
        np.save(path, encode(teacher, pictures, ENCODER_SEED).numpy())
    return torch.from_numpy(np.load(path))


def held_out_pictures() -> tuple[Tensor, Tensor]:
    """Return pictures of held-out compositions [N, 3, 64, 64] uint8 and their labels [N]."""
    generator = np.random.Generator(np.random.Philox(key=[HELD_OUT_SEED, 0]))
    shown = [draw_where(generator, lambda each: each.held_out) for _ in range(NUM_HELD_OUT)]
    pictures = (paint_all(shown, generator) + 1) * 127.5
    return pictures.round().byte(), labels_of(shown)


def labels_of(compositions: list[Composition]) -> Tensor:
    """Return the number of the thing that each composition shows, [N] int64."""
    plain, paintable = load_concepts()
    numbers = {concept: number for number, concept in enumerate(sorted({**plain, **paintable}))}
    return torch.tensor([numbers[composition.concept] for composition in compositions])


def to_levels(pictures: NDArray[np.uint8]) -> Tensor:
    """Return pictures [N, H, W, 3] as [N, 3, H, W]."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()


def to_inputs(values: Tensor) -> Tensor:
    """Return pictures of 0..255 in [-1, 1], latents as they are; float32."""
    return values.float() / 127.5 - 1 if values.dtype == torch.uint8 else values.float()


def read(batch: Batch) -> Labelled:
    """Return what a batch gives: nothing in memory is held out."""
    labels = batch["labels"]
    return Labelled(to_inputs(batch["inputs"]), labels, torch.zeros_like(labels, dtype=torch.bool))


@torch.no_grad()
def encode(teacher: Teacher, pictures: Tensor, seed: int) -> Tensor:
    """Return the latents of pictures [N, 3, 64, 64] uint8, [N, 4, 16, 16]."""
    generator = torch.Generator().manual_seed(seed)
    parts = [teacher.encode(to_inputs(part), generator) for part in pictures.split(BLOCK)]
    return torch.cat(parts)


def make_triplets(
    seen: Tensor, held_out: Tensor, teacher: Teacher, space: str, seed: int
) -> Iterator[Triplets]:
    """Yield triplets of seen compositions to learn from, then of held-out ones to judge by."""
    first = 0
    for latents, judges in ((seen, False), (held_out, True)):
        for part in latents.split(TRIPLET_BATCH):
            places = range(first, first + len(part))
            marks = torch.full((len(part),), judges)
            yield distort(part, part.roll(1, 0), places, marks, teacher, space, seed)
            first += len(part)


if __name__ == "__main__":
    main()
