"""`pairgen demo`: run every stage on the embedded teacher and write a page."""

import sys
import time
from pathlib import Path
from typing import Any

import pairgen
from pairgen.cli.demo.lines import cards, lines
from pairgen.cli.demo.made import degrade, make, pictures_of
from pairgen.cli.demo.measured import measure_agreement, measure_diversity
from pairgen.cli.demo.options import DemoConfig
from pairgen.cli.demo.student import train_and_show
from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import echo, given, pin_threads
from pairgen.jobs.doctor.machine import usable_cores
from pairgen.wording import counted, size_text

NUM_NOISES = 16
NUM_PICTURES = 64
GUIDANCE_SCALE = 4
GUIDANCE_SCALES = (1, 2, 4, 8)
ONE_PROMPT = "a 3d red apple on a white background"
TWO_PROMPTS = (ONE_PROMPT, "a 3d tiger on a green background")


@command()
@options_of(DemoConfig)
def demo(**asked: Any) -> None:
    """Run the whole pipeline on the embedded teacher and show the result on a page.

    Makes and verifies pairs, degrades photographs, trains a student for a few steps and evaluates
    it. Writes report.html and grid.png. Run the same command again to continue an unfinished demo.

    \b
    Examples:
        pairgen demo
        pairgen demo --out small --num-samples 16 --steps 10 --train-steps 20
    """  # noqa: D301
    config = DemoConfig(**given(asked))
    out, num_samples, steps = Path(config.out).expanduser(), config.num_samples, config.steps
    train_steps = config.train_steps
    num_threads = usable_cores()
    pin_threads(num_threads)
    from pairgen.drawing.pictures import encode_png, make_grid_image
    from pairgen.evaluation.judge import load_judge
    from pairgen.pages.command import set_command
    from pairgen.pages.sections import Section, sections_page

    common = {"model": "tiny", "steps": steps, "cpu_threads": num_threads, "executor": "serial"}
    echo(
        f"1/6 pairgen ode: {counted(num_samples, 'pair')} from the embedded teacher, "
        f"{counted(steps, 'step')}"
    )
    start = time.perf_counter()
    options: dict[str, Any] = {"cfg": GUIDANCE_SCALE, "num_samples": num_samples}
    options |= {"samples_per_shard": 32, "out": str(out / "pairs")}
    manifest = make({**common, **options})
    seconds = time.perf_counter() - start
    pictures, captions, _ = pictures_of(out / "pairs", manifest, num_samples)

    echo("2/6 pairgen verify: every byte, every number, the noise")
    report = pairgen.verify(out / "pairs")
    echo(report.table())

    echo(f"3/6 the effect of the noise ({NUM_NOISES} noises) and of guidance")
    prompts = out / "one_prompt.txt"
    prompts.write_text(f"{ONE_PROMPT}\n", encoding="utf-8")
    options = {"prompts": str(prompts), "cfg": GUIDANCE_SCALE, "num_samples": NUM_NOISES}
    noises = make({**common, **options, "out": str(out / "noises")})
    noise_pictures, noise_captions, _ = pictures_of(out / "noises", noises, NUM_NOISES)
    prompts = out / "two_prompts.txt"
    prompts.write_text("\n".join(TWO_PROMPTS) + "\n", encoding="utf-8")
    options = {"prompts": str(prompts), "cfg": GUIDANCE_SCALES}
    guided = make({**common, **options, "out": str(out / "guidance")})
    guided_pictures, guided_captions, scales = pictures_of(out / "guidance", guided, 8)

    echo("4/6 pairgen degrade: the packaged photographs, three LR levels each")
    degraded, degraded_captions = degrade(out / "degraded", num_threads)

    echo("5/6 metrics of the evaluation net")
    judge = load_judge()
    measured = {
        **measure_agreement(judge, pictures, captions),
        **measure_diversity(judge, ONE_PROMPT, noise_pictures, noise_captions, pictures, captions),
    }
    for name, value in measured.items():
        echo(f"{name}: {value}")

    echo(f"6/6 pairgen train: {counted(train_steps, 'step')} for a student that samples in one")
    shown = train_and_show(out, out / "pairs", common, GUIDANCE_SCALE, train_steps)
    for name, value in shown.facts:
        echo(f"{name}: {value}")
    (out / "grid.png").write_bytes(encode_png(make_grid_image(pictures[:NUM_PICTURES], 8)))
    recipe = manifest.plan.recipe
    facts = {
        "teacher": "tiny, 64 px, included in the package",
        "solver": f"{recipe['solver']}, {counted(recipe['steps'], 'step')}, {recipe['spacing']}",
        "guidance": f"{GUIDANCE_SCALE}",
        "samples": f"{manifest.num_samples:,} in {counted(len(manifest.receipts), 'shard')}, "
        f"{size_text(manifest.num_bytes)}",
        "rate": f"{manifest.num_samples / seconds:.1f} samples/s on {num_threads} CPU threads, "
        "loading included",
        "fingerprint": manifest.plan.fingerprint()[:16],
    }
    text = sections_page(
        "pairgen demo",
        "demo",
        "From prompts to verified (noise, prompt, latent) shards, on this machine.",
        [
            Section(
                title="1. The pairs",
                text=["Samples are (noise, prompt, latent); these are decoded."],
                facts=list(facts.items()),
                command=set_command(manifest.plan, str(out / "pairs")),
                cards=cards(pictures[:NUM_PICTURES], captions[:NUM_PICTURES]),
            ),
            Section(
                title=f"2. verify: {'clean' if report.clean else 'NOT clean'}",
                plain=report.table(),
            ),
            Section(
                title="3. One prompt, several noises",
                text=[f"{ONE_PROMPT}: only the noise differs."],
                cards=cards(noise_pictures, [f"noise {i}" for i in range(NUM_NOISES)]),
            ),
            Section(
                title="One noise, several scales",
                text=["Same noise and prompt, different guidance: a line for each prompt."],
                cards=lines(
                    guided_pictures, [f"guidance {scale:g}" for scale in scales], guided_captions
                ),
            ),
            Section(
                title="4. Degraded photographs",
                text=["HR and its LR levels, in one size; enlarge a line to compare two of them."],
                cards=lines(degraded, degraded_captions, []),
            ),
            Section(
                title="5. Measured",
                text=["By the evaluation net, which no training loss uses."],
                facts=list(measured.items()),
            ),
            Section(
                title="6. A student, trained here",
                text=[
                    f"{counted(train_steps, 'step')} of regression on "
                    f"{counted(shown.num_pairs, 'other pair')} taught it to turn noise "
                    "into an image in one network evaluation. Every line has one prompt and one "
                    "noise, on which the student was not trained.",
                    f"The whole evaluation: {out / 'student/eval/index.html'}.",
                ],
                facts=shown.facts,
                command=shown.command,
                cards=shown.cards,
            ),
        ],
    )
    (out / "report.html").write_text(text, encoding="utf-8")
    echo(f"Grid:   {(out / 'grid.png').absolute()}")
    echo(f"Report: {(out / 'report.html').absolute()}")
    sys.exit(0 if report.clean else 1)
