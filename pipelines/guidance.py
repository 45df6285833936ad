"""One student for every guidance scale, and a table of what it does when it is told another one.

    python pipelines/guidance.py --out runs/guidance

1. pairs at guidance 2, 5 and 8, the same noises and prompts at each, and held-out ones;
2. a student by regression with `guidance_embedding`: it is told the scale of each pair;
3. the student makes the held-out pairs, told 2, 5 and 8; each row of the table compares all three
   with the teacher's end points at one scale: relative error of the latents, %.

With the numbers that stand here, on two cores beside other jobs: 25 minutes of processor time for
training and held-out pairs (the training alone made 1.4 steps a second when nothing else ran):

    error, % of the end point at | told 2 | told 5 | told 8
    2                            |   42.7 |   50.7 |   62.2
    5                            |   50.7 |   47.8 |   52.7
    8                            |   55.9 |   50.8 |   50.3

Each row is smallest where the student was told its scale. With 128 pairs a scale and 250 steps it
could not tell 8 from 5 (54.6 both).
"""

import argparse
from pathlib import Path

import numpy as np

import pairgen
from pairgen.errors import run_script
from pairgen.model_config import find_model, packaged_prompts

SCALES = (2.0, 5.0, 8.0)


def latents(folder: Path) -> np.ndarray:
    """Return the latents of a set, [pairs, scales, ...], in order of their slots."""
    loader = pairgen.Loader(
        folder, fields=["latent.npy"], batch_size=1, guidance_embedding=True, window=1
    )
    found = {int(batch.indices[0]): batch["latent.npy"][0].float().numpy() for batch in loader}
    ordered = np.stack([found[index] for index in range(len(found))])
    return ordered.reshape(-1, len(SCALES), *ordered.shape[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--out", type=Path, default=Path("runs/guidance"))
    parser.add_argument("--num-pairs", type=int, default=320, help="at each scale")
    parser.add_argument("--num-held-out", type=int, default=32, help="at each scale")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch-size", type=int, default=32)
    options = parser.parse_args()

    common = {"cfg": list(SCALES), "samples_per_shard": 48, "cpu_threads": 2}
    teacher = {**common, "model": options.model}
    teacher |= {"steps": 12, "solver": "dpmpp_2m", "spacing": "logsnr"}
    for seed, (name, num) in enumerate(
        {"pairs": options.num_pairs, "held-out": options.num_held_out}.items()
    ):
        out = str(options.out / name)
        pairgen.ode(**teacher, seed=seed, num_samples=num * len(SCALES), out=out)
    run = options.out / "student"
    pairgen.train(
        "regression",
        data=str(options.out / "pairs"),
        out=str(run),
        steps=options.steps,
        batch_size=options.batch_size,
        lr=3e-4,
        lr_schedule="cosine",
        ema_decay=0.99,
        guidance_embedding=True,
        grid_every=0,
        cpu_threads=2,
        resume=(run / "config.yaml").is_file(),
    )
    # The same noises and prompts as the held-out pairs, told every scale.
    made = options.out / "made"
    prompts = str(packaged_prompts(find_model(options.model)))
    num = options.num_held_out * len(SCALES)
    pairgen.ode(**common, model=str(run), prompts=prompts, seed=1, num_samples=num, out=str(made))
    expected, found = latents(options.out / "held-out"), latents(made)
    print("error, % of the end point at | told " + " | told ".join(f"{s:g}" for s in SCALES))
    for row, scale in enumerate(SCALES):
        errors = [
            np.sqrt(np.square(found[:, told] - expected[:, row]).mean())
            / np.sqrt(np.square(expected[:, row]).mean())
            for told in range(len(SCALES))
        ]
        print(f"{scale:g} | " + " | ".join(f"{100 * error:.1f}" for error in errors))


if __name__ == "__main__":
    run_script(main)
