"""Diffusion2GAN end to end: pairs, a one-step student, and how it stands beside regression.

    python pipelines/diffusion2gan.py --model tiny --out runs/diffusion2gan

1. pairs of the teacher's converged ODE (dpmpp_2m, logSNR grid), and held-out ones of the same
   prompts and other noises;
2. two students with the same pairs, steps and learning rate: `regression` by MSE, and
   `diffusion2gan`;
3. `pairgen eval` of both on the held-out pairs, beside the teacher at 1, 2, 4 and 50 steps; for the
   packaged prompts of tiny also the Frechet distance to real pictures of these prompts;
4. one page of everything.

Every stage continues where it was stopped. With the numbers that stand here, on one core shared
with other jobs (torch 2.13, CPU): the pairs 20 minutes, training 4 and 20 minutes, evaluation some
60, most of it the teacher's 50 steps (15 with `--num-held-out 512`). On 2,048 held-out pairs:

    row                      evaluations  latent error  Frechet  to real  agreement  within  between
    end points                        24        0.0000    0.000    2.182      1.000   2.702   11.509
    student, mse                       1        0.4471    1.115    2.927      0.999   3.223   11.304
    student, diffusion2gan             1        0.4953    0.854    2.711      0.999   3.155   11.316
    teacher, 1 step                    2        2.2064   30.977   32.412      0.809   5.063   10.556
    teacher, 2 steps                   4        1.3242   20.202   20.749      0.885   4.541   11.071
    teacher, 4 steps                   8        0.6174    3.581    5.402      0.940   4.548   10.497
    teacher, 50 steps                100        0.0555    0.011    2.240      1.000   2.688   11.513

`Frechet` is to the end points, `to real` to 10,240 real pictures of the same prompts, from which
2,048 other real ones have 0.024. Against real pictures the student is 21 % farther than its teacher
at 50 steps. Within a prompt its pictures differ 2 % less than those of the MSE student, and more
than the end points; between prompts as much as those of the MSE student. Three seeds:

    student, --seed 0, 1, 2    Frechet              to real              within
    mse                        1.115 1.098 1.076    2.927 2.905 2.897    3.223 3.221 3.220
    diffusion2gan              0.854 0.815 0.995    2.711 2.538 2.528    3.155 3.174 3.182

With as many seconds as diffusion2gan, 1,500 steps, the MSE student has 0.519, 2.461 and 3.008.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import pairgen
from pairgen.errors import run_script
from pairgen.jobs.eval.page import ledger_table
from pairgen.judging.table import figure_table, legend
from pairgen.pages.cards import Card
from pairgen.pages.pictures import picture_data
from pairgen.pages.sections import Section, sections_page

# Of real pictures of the packaged prompts, made by pipelines/tiny_teacher/real_statistics.py.
REAL_STATISTICS = "package:assets/judge/tiny_prompts.safetensors"
STUDENTS = {
    "mse": {"method": "regression", "distance": "mse"},
    "diffusion2gan": {"method": "diffusion2gan"},
}
TEACHER_STEPS = (1, 2, 4, 50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--out", type=Path, default=Path("runs/diffusion2gan"))
    parser.add_argument("--cfg", type=float, default=4)
    parser.add_argument("--prompts", default="", help="[the packaged set of the model]")
    parser.add_argument("--num-pairs", type=int, default=1024)
    parser.add_argument("--num-held-out", type=int, default=2048)
    parser.add_argument("--teacher-steps", type=int, default=12)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=3e-4)
    parser.add_argument("--seed", type=int, default=0, help="of both trainings")
    parser.add_argument("--perceptual", default="", help="[the packaged one of the model's VAE]")
    parser.add_argument("--cpu-threads", type=int, default=2)
    options = parser.parse_args()

    seconds = {}
    began = time.perf_counter()
    make_pairs(options)
    seconds["pairs"] = time.perf_counter() - began
    found = {}
    for name in STUDENTS:
        began = time.perf_counter()
        train(options, name)
        seconds[f"training of {name}"] = time.perf_counter() - began
    for name in STUDENTS:
        began = time.perf_counter()
        found[name] = judge(options, name)
        seconds[f"evaluation of {name}"] = time.perf_counter() - began
    merged = merge(found)
    table = figure_table(merged)
    print(table)
    write_page(options.out, found, table)
    spent = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    print(f"{spent}; look at {options.out / 'index.html'}")


def make_pairs(options: argparse.Namespace) -> None:
    """Make the pairs, and the held-out ones of other noises."""
    for name, seed, num in (
        ("pairs", 0, options.num_pairs),
        ("held-out", 1, options.num_held_out),
    ):
        pairgen.ode(
            model=options.model,
            cfg=options.cfg,
            **({"prompts": options.prompts} if options.prompts else {}),
            steps=options.teacher_steps,
            solver="dpmpp_2m",
            spacing="logsnr",
            seed=seed,
            num_samples=num,
            samples_per_shard=64,
            cpu_threads=options.cpu_threads,
            out=str(options.out / name),
        )


def train(options: argparse.Namespace, name: str) -> None:
    """Train one of the students."""
    run = options.out / name
    own: dict[str, Any] = dict(STUDENTS[name])
    if own["method"] == "diffusion2gan":
        own |= {"perceptual": options.perceptual, "discriminator.lr": options.lr}
    done = pairgen.train(
        own.pop("method"),
        data=str(options.out / "pairs"),
        out=str(run),
        steps=options.steps,
        batch_size=options.batch_size,
        lr=options.lr,
        lr_schedule="cosine",
        ema_decay=0.99,
        seed=options.seed,
        checkpoint_every=100,
        grid_every=200,
        cpu_threads=options.cpu_threads,
        resume=(run / "config.yaml").is_file(),
        **own,
    )
    if done.interrupted:
        sys.exit(130)


def judge(options: argparse.Namespace, name: str) -> dict[str, Any]:
    """Return the figures of a student; the teacher is measured once, beside the last."""
    with_teacher = name == list(STUDENTS)[-1]
    teacher_steps = TEACHER_STEPS if with_teacher else ()
    run = options.out / name
    kept = run / "eval/eval.json"
    trained = max(path.stat().st_mtime for path in (run / "checkpoints").iterdir())
    # A finished run writes its student anew when it is continued, its checkpoints not.
    if kept.is_file() and kept.stat().st_mtime > trained:
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        num_rows = 2 + len(teacher_steps)
        if (found["data"]["num_samples"], len(found["rows"])) == (options.num_held_out, num_rows):
            return found
    known = options.model == "tiny" and not options.prompts
    return pairgen.evaluate(
        run,
        data=str(options.out / "held-out"),
        num_samples=options.num_held_out,
        teacher_steps=teacher_steps,
        real_statistics=REAL_STATISTICS if known else "",
        cpu_threads=options.cpu_threads,
    ).figures


def merge(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of the last student with the rows of all."""
    *others, last = found.items()
    end_points, student, *teachers = last[1]["rows"]
    rows = [{**figures["rows"][1], "name": f"student, {name}"} for name, figures in others]
    student = {**student, "name": f"student, {last[0]}"}
    return {**last[1], "rows": [end_points, *rows, student, *teachers]}


def write_page(out: Path, found: Mapping[str, Mapping[str, Any]], table: str) -> None:
    """Write the merged figures, and a page with the pictures of all."""
    sections = [
        Section(
            title="Figures",
            text=["Students and teacher on the same held-out pairs."],
            plain=f"{table}\n\n{legend(merge(found))}",
        )
    ]
    for name, figures in found.items():
        grid = np.asarray(Image.open(out / name / "eval/grid.png").convert("RGB"))
        cost = ledger_table(figures) if figures["ledger"]["teacher_steps"] else ""
        card = Card(key=name, pictures=(picture_data(grid, name),), strip=True)
        sections.append(Section(title=name, cards=[card], plain=cost))
    text = sections_page(
        "Diffusion2GAN", "training", "Beside regression and its teacher.", sections
    )
    (out / "index.html").write_text(text, encoding="utf-8")
    (out / "figures.json").write_text(json.dumps(merge(found), indent=1), encoding="utf-8")


if __name__ == "__main__":
    run_script(main)
