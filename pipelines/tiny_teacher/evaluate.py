"""Measure the tiny teacher: pictures, agreement, distances, convergence of its ODE.

    python pipelines/tiny_teacher/evaluate.py --work data/tiny_teacher
    python pipelines/tiny_teacher/evaluate.py --only vae,sheet        # some parts

Parts: `vae` (reconstruction), `sheet` (48 captions as pictures), `frechet` (2,048 samples, made
with `pairgen ode`, which prints its rate, and kept in the work folder), `held-out` (captions never
trained on), `diversity`, `convergence`. Everything is drawn from --seed; the figures go to stdout
and to evaluation.json, the pictures to the work folder. The 2,048 samples take longest, then the
table of convergence.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from batches import paint_all
from bench import Bench, draw_many, to_bytes
from PIL import Image
from torch import Tensor

from pairgen.drawing.pictures import make_grid_image
from pairgen.evaluation.diversity import diversity
from pairgen.evaluation.frechet import frechet_distance, statistics
from pairgen.model_config import find_model
from pairgen.sampling.grid import make_grid
from pairgen.sampling.sampler import sample
from pairgen.sampling.solvers import SOLVERS
from pairgen.seeding import noise_for
from pairgen.sources.painted.compositions import (
    Composition,
    draw_composition,
)
from pairgen.teachers import latent_diffusion

NUM_SHEET, NUM_FRECHET, NUM_HELD_OUT, NUM_PSNR = 48, 2048, 256, 512
NUM_NOISES, NUM_CONVERGENCE = 16, 8
STEP_COUNTS = (10, 20, 50, 100)
COMBINATIONS = (
    ("ddim", "trailing"),
    ("ddim", "logsnr"),
    ("dpmpp_2m", "trailing"),
    ("dpmpp_2m", "logsnr"),
    ("heun", "logsnr"),
)


@torch.no_grad()
def measure_vae(bench: Bench) -> dict[str, float]:
    """Return the PSNR (dB, peak 1 in [0, 1]) of pictures of held-out compositions, restored."""
    compositions = draw_many(bench, NUM_PSNR, 1, lambda each: each.held_out)
    pictures = paint_all(compositions, bench.generator(2))
    teacher = build(bench.model)
    errors = []
    for part in pictures.split(64):
        vae = teacher._vae
        restored = vae.decode(vae.encode(part).latent_dist.mean).sample.clamp(-1, 1)
        errors.append(((restored - part) / 2).square().mean(dim=(1, 2, 3)))
    psnr = -10 * torch.cat(errors).log10()
    return {
        "mean of pictures": float(psnr.mean()),
        "of the mean error": float(-10 * torch.cat(errors).mean().log10()),
        "worst tenth": float(psnr.quantile(0.1)),
    }


def measure_sheet(bench: Bench) -> dict[str, float]:
    """Sample 24 seen and 24 held-out captions, colour words among them; write sheet.png."""
    half = NUM_SHEET // 2
    chosen: list[Composition] = []
    for part, held_out in ((3, False), (4, True)):
        generator, concepts = bench.generator(part), set()
        while len(concepts) < half:
            each = draw_composition(generator)
            # Half of them with the thing's own colour named.
            named = len(concepts) % 2 == 0
            fits = each.held_out == held_out and (each.colour is not None) == named
            if fits and each.concept not in concepts:
                concepts.add(each.concept)
                chosen.append(each)
    pictures = bench.sampled("sheet", [each.caption for each in chosen])
    real = bench.real(chosen, 5)
    write_sheet(bench.work / "sheet.png", pictures)
    for number, each in enumerate(chosen):
        print(f"  {number:2d} {'new ' if number >= half else 'seen'} {each.caption}")
    return {
        "seen, sampled": bench.agreement(pictures[:half], chosen[:half]),
        "seen, real": bench.agreement(real[:half], chosen[:half]),
        "new, sampled": bench.agreement(pictures[half:], chosen[half:]),
        "new, real": bench.agreement(real[half:], chosen[half:]),
    }


def write_sheet(path: Path, pictures: Tensor) -> None:
    """Write the pictures [N, 3, 64, 64] eight a row, twice as large."""
    image = make_grid_image(to_bytes(pictures).permute(0, 2, 3, 1).numpy(), 8)
    image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC).save(path)


def measure_frechet(bench: Bench) -> dict[str, float]:
    """Compare samples with as many real pictures of the same captions, and real with real."""
    compositions = draw_many(bench, NUM_FRECHET, 6, lambda each: not each.held_out)
    sampled = bench.sampled("frechet", [each.caption for each in compositions])
    real, other = bench.real(compositions, 7), bench.real(compositions, 8)
    sets = [statistics(bench.judge.features(each)) for each in (sampled, real, other)]
    distances = [
        frechet_distance(each.mean, each.cov, sets[1].mean, sets[1].cov) for each in sets[::2]
    ]
    return {
        "sampled against real": distances[0],
        "real against real": distances[1],
        "agreement, sampled": bench.agreement(sampled, compositions),
        "agreement, real": bench.agreement(real, compositions),
    }


def measure_held_out(bench: Bench) -> dict[str, float]:
    """Compare the agreement of captions that training never saw with that of real pictures."""
    compositions = draw_many(bench, NUM_HELD_OUT, 9, lambda each: each.held_out)
    sampled = bench.sampled("held_out", [each.caption for each in compositions])
    scores = [
        bench.agreement(pictures, compositions)
        for pictures in (sampled, bench.real(compositions, 10))
    ]
    return {"sampled": scores[0], "real": scores[1], "share": scores[0] / scores[1]}


def measure_diversity(bench: Bench) -> dict[str, float]:
    """Compare 16 noises of one prompt, on white, with different prompts; and real pictures."""
    concepts = ("apple", "cat", "rocket", "pizza", "penguin", "sunflower", "guitar", "robot")
    compositions = [
        Composition("3d", None, concept, "white") for concept in concepts for _ in range(NUM_NOISES)
    ]
    captions = [each.caption for each in compositions]
    # One file line a sample: the same caption meets 16 noises.
    sampled = bench.sampled("diversity", captions)
    found = {}
    for name, pictures in (("sampled", sampled), ("real", bench.real(compositions, 11))):
        result = diversity(bench.judge.features(pictures), captions)
        found[f"{name}, one prompt"] = result.within
        found[f"{name}, different prompts"] = result.between
    write_sheet(bench.work / "noises.png", sampled)
    return found


@torch.no_grad()
def measure_convergence(bench: Bench) -> dict[str, float]:
    """Return the relative latent error (%) of solvers and step counts against heun in 1,000."""
    teacher = build(bench.model)
    compositions = draw_many(bench, NUM_CONVERGENCE, 12, lambda each: not each.held_out)
    conditioning = teacher.encode_prompts([each.caption for each in compositions])
    noise = torch.from_numpy(
        np.stack(
            [noise_for(bench.seed, i, (4, 16, 16), "float32") for i in range(len(conditioning))]
        )
    )
    guidance = torch.full((len(conditioning),), bench.cfg)

    def end(solver: str, spacing: str, steps: int) -> Tensor:
        grid = make_grid(teacher.schedule, spacing, steps, "t0")
        return sample(
            lambda x, t: teacher.predict(x, t, conditioning, guidance), noise, grid, SOLVERS[solver]
        )[0]

    reference = end("heun", "logsnr", 1000)
    found = {}
    for solver, spacing in COMBINATIONS:
        long = (1000,) if spacing == "trailing" or solver == "dpmpp_2m" else ()
        for steps in (*STEP_COUNTS, *long):
            difference = end(solver, spacing, steps) - reference
            errors = difference.flatten(1).norm(dim=1) / reference.flatten(1).norm(dim=1)
            error = 100 * float(errors.median())
            print(f"  {solver:9s} {spacing:9s} {steps:5d} steps: {error:.3f} %", flush=True)
            found[f"{solver}, {spacing}, {steps} steps"] = error
    return found


def build(model: str) -> latent_diffusion.LatentDiffusion:
    """Return the teacher on the CPU in float32."""
    return latent_diffusion.build(
        location=find_model(model).location,
        device=torch.device("cpu"),
        dtype=torch.float32,
        negative_prompt="",
    )


PARTS = {
    "vae": measure_vae,
    "sheet": measure_sheet,
    "frechet": measure_frechet,
    "held-out": measure_held_out,
    "diversity": measure_diversity,
    "convergence": measure_convergence,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("data/tiny_teacher"))
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--cfg", type=float, default=4.0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default=",".join(PARTS), help="Parts: %(default)s.")
    arguments = parser.parse_args()
    if unknown := set(arguments.only.split(",")) - PARTS.keys():
        parser.error(
            f"There is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}."
        )
    torch.set_flush_denormal(True)
    bench = Bench(arguments.work, arguments.model, arguments.cfg, arguments.seed)
    path = arguments.work / "evaluation.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    for name in arguments.only.split(","):
        print(f"{name}: {PARTS[name].__doc__.splitlines()[0]}", flush=True)
        results[name] = PARTS[name](bench)
        for key, value in results[name].items():
            print(f"  {key}: {value:.4g}", flush=True)
        path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
