"""One-step student by regression, from pairs to a judged student, by one command.

    python pipelines/regression.py --model tiny --out runs/regression

1. pairs: `--num-pairs` of the teacher's converged ODE (dpmpp_2m, logSNR grid, `--teacher-steps`),
   and as many held-out ones with other noises as `--num-held-out`;
2. a student: one step from noise to end point, pseudo-Huber distance of latents;
3. `pairgen eval` on the held-out pairs: figures, pictures, cost, a page to look at.

Every stage continues where it was stopped. With the numbers that stand here, on two cores of a
virtual machine (torch 2.13, CPU): pairs 208 s, training 400 s, evaluation 19 s. On 128 held-out
pairs (the same 32 prompts, other noises):

    row              evaluations  latent error  PSNR dB  Frechet  agreement  within  between
    end points                24        0.0000    equal    0.000      1.000   2.572   11.531
    student                    1        0.4257    19.76    1.005      1.000   3.084   11.367
    teacher, 1 step            2        2.2625    13.39   31.531      0.797   5.251   10.523
    teacher, 2 steps           4        1.3735    13.93   20.484      0.891   4.579   11.052
    teacher, 4 steps           8        0.5927    15.68    4.498      0.914   4.544   10.505

`latent error` is relative to the end point, `Frechet` in the features of the embedded evaluation
net, `within` and `between` the mean feature distance of noises of one prompt and of other prompts.
"""

import argparse
import time
from pathlib import Path

import pairgen
from pairgen.errors import run_script


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--out", type=Path, default=Path("runs/regression"))
    parser.add_argument("--cfg", type=float, default=4)
    parser.add_argument("--prompts", default="", help="[the packaged set of the model]")
    parser.add_argument("--num-pairs", type=int, default=1024)
    parser.add_argument("--num-held-out", type=int, default=128)
    parser.add_argument("--teacher-steps", type=int, default=12)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--cpu-threads", type=int, default=2)
    options = parser.parse_args()

    started = time.perf_counter()
    teacher = {
        "model": options.model,
        "cfg": options.cfg,
        "steps": options.teacher_steps,
        "solver": "dpmpp_2m",
        "spacing": "logsnr",
        "cpu_threads": options.cpu_threads,
        **({"prompts": options.prompts} if options.prompts else {}),
    }
    for name, seed, count in (
        ("pairs", 0, options.num_pairs),
        ("held-out", 1, options.num_held_out),
    ):
        out = options.out / name
        pairgen.ode(**teacher, seed=seed, num_samples=count, samples_per_shard=64, out=str(out))
    paired = time.perf_counter()
    run = options.out / "student"
    pairgen.train(
        "regression",
        data=str(options.out / "pairs"),
        out=str(run),
        steps=options.steps,
        batch_size=options.batch_size,
        lr=options.lr,
        lr_schedule="cosine",
        ema_decay=0.99,
        checkpoint_every=200,
        grid_every=200,
        cpu_threads=options.cpu_threads,
        resume=(run / "config.yaml").is_file(),
    )
    trained = time.perf_counter()
    found = pairgen.evaluate(run, data=str(options.out / "held-out"), teacher_steps=(1, 2, 4))
    ended = time.perf_counter()
    print(
        f"pairs {paired - started:.0f} s, training {trained - paired:.0f} s, "
        f"evaluation {ended - trained:.0f} s; look at {found.folder / 'index.html'}"
    )


if __name__ == "__main__":
    run_script(main)
