"""`pairgen demo`: run every stage on the embedded teacher and write a page."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import pairgen
from pairgen.cli.help import command, option
from pairgen.cli.options import echo, pin_threads, say
from pairgen.jobs.doctor.machine import usable_cores

if TYPE_CHECKING:
    import numpy as np

    from pairgen.evaluation.judge import Judge
    from pairgen.pages.cards import Card

NUM_NOISES = 16
NUM_PICTURES = 64
GUIDANCE_SCALE = 4
GUIDANCE_SCALES = (1, 2, 4, 8)
ONE_PROMPT = "a 3d red apple on a white background"
TWO_PROMPTS = (ONE_PROMPT, "a 3d tiger on a green background")


@command()
@option(
    "--out",
    group="Output",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Output folder; an unfinished demo is continued.",
)
@option(
    "--num-samples",
    group="Output",
    type=click.IntRange(min=2),
    default=96,
    show_default=True,
    help="Number of pairs to make.",
)
@option(
    "--steps",
    group="Sampling",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Number of solver steps.",
)
def demo(out: Path, num_samples: int, steps: int) -> None:
    """Run the whole pipeline on the embedded teacher and show the result on a page."""
    num_threads = usable_cores()
    pin_threads(num_threads)
    from pairgen.drawing.pictures import encode_png, make_grid_image
    from pairgen.evaluation.judge import load_judge
    from pairgen.pages.command import set_command
    from pairgen.pages.sections import Section, sections_page

    common = {"model": "tiny", "steps": steps, "cpu_threads": num_threads, "executor": "serial"}
    echo(f"1/5 pairgen ode: {num_samples} pairs from the embedded teacher, {steps} steps")
    start = time.perf_counter()
    options: dict[str, Any] = {"cfg": GUIDANCE_SCALE, "num_samples": num_samples}
    options |= {"samples_per_shard": 32, "out": str(out / "pairs")}
    manifest = _make({**common, **options})
    seconds = time.perf_counter() - start
    pictures, captions, _ = _pictures_of(out / "pairs", manifest, num_samples)

    echo("2/5 pairgen verify: every byte, every number, the noise")
    report = pairgen.verify(out / "pairs")
    echo(report.table())

    echo(f"3/5 the effect of the noise ({NUM_NOISES} noises) and of guidance")
    prompts = out / "one_prompt.txt"
    prompts.write_text(f"{ONE_PROMPT}\n", encoding="utf-8")
    options = {"prompts": str(prompts), "cfg": GUIDANCE_SCALE, "num_samples": NUM_NOISES}
    noises = _make({**common, **options, "out": str(out / "noises")})
    noise_pictures, noise_captions, _ = _pictures_of(out / "noises", noises, NUM_NOISES)
    prompts = out / "two_prompts.txt"
    prompts.write_text("\n".join(TWO_PROMPTS) + "\n", encoding="utf-8")
    options = {"prompts": str(prompts), "cfg": GUIDANCE_SCALES}
    guided = _make({**common, **options, "out": str(out / "guidance")})
    guided_pictures, guided_captions, scales = _pictures_of(out / "guidance", guided, 8)

    echo("4/5 pairgen degrade: the packaged photographs, three LR levels each")
    degraded, degraded_captions = _degrade(out / "degraded", num_threads)

    echo("5/5 metrics of the evaluation net")
    judge = load_judge()
    measured = {
        **_measure_agreement(judge, pictures, captions),
        **_measure_diversity(judge, noise_pictures, noise_captions, pictures, captions),
    }
    for name, value in measured.items():
        echo(f"{name}: {value}")
    (out / "grid.png").write_bytes(encode_png(make_grid_image(pictures[:NUM_PICTURES], 8)))
    recipe = manifest.plan.recipe
    facts = {
        "teacher": "tiny, 64 px, included in the package",
        "solver": f"{recipe['solver']}, {recipe['steps']} steps, {recipe['spacing']}",
        "guidance": f"{GUIDANCE_SCALE}",
        "samples": f"{manifest.num_samples:,} in {len(manifest.receipts)} shards, "
        f"{manifest.num_bytes / 1e6:.1f} MB",
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
                cards=_cards(pictures[:NUM_PICTURES], captions[:NUM_PICTURES]),
            ),
            Section(
                title=f"2. verify: {'clean' if report.clean else 'NOT clean'}",
                plain=report.table(),
            ),
            Section(
                title="3. One prompt, several noises",
                text=[f"{ONE_PROMPT}: only the noise differs."],
                cards=_cards(noise_pictures, [f"noise {i}" for i in range(NUM_NOISES)]),
            ),
            Section(
                title="One noise, several scales",
                text=["Same noise and prompt, different guidance: a line for each prompt."],
                cards=_lines(
                    guided_pictures, [f"guidance {scale:g}" for scale in scales], guided_captions
                ),
            ),
            Section(
                title="4. Degraded photographs",
                text=["HR and its LR levels, in one size; enlarge a line to compare two of them."],
                cards=_lines(degraded, degraded_captions, []),
            ),
            Section(
                title="5. Measured",
                text=["By the evaluation net, which no training loss uses."],
                facts=list(measured.items()),
            ),
        ],
    )
    (out / "report.html").write_text(text, encoding="utf-8")
    echo(f"Grid:   {(out / 'grid.png').absolute()}")
    echo(f"Report: {(out / 'report.html').absolute()}")
    sys.exit(0 if report.clean else 1)


def _make(options: dict[str, Any]) -> Any:
    """Make a dataset; return its manifest."""
    from pairgen.jobs.ode.run import run_ode

    result = run_ode(options, say)
    if result.interrupted:
        raise click.Abort
    return result.manifest


def _cards(pictures: "np.ndarray", captions: Sequence[str]) -> list["Card"]:
    """Return a card for each image [N, H, W, 3] uint8."""
    from pairgen.pages.cards import Card
    from pairgen.pages.pictures import picture_data

    return [
        Card(key=caption, pictures=(picture_data(picture, "end point"),))
        for picture, caption in zip(pictures, captions, strict=True)
    ]


def _lines(pictures: "np.ndarray", labels: Sequence[str], captions: Sequence[str]) -> list["Card"]:
    """Return a card for each line of images, [N, H, W, 3] uint8, whose labels begin again."""
    from pairgen.pages.judged import side_by_side

    num = len(dict.fromkeys(labels))
    lines = [range(first, first + num) for first in range(0, len(pictures), num)]
    return [
        side_by_side(
            captions[line[0]] if captions else f"photograph {number}",
            "",
            [(labels[place], pictures[place], "") for place in line],
        )
        for number, line in enumerate(lines, start=1)
    ]


def _pictures_of(
    folder: Path, manifest: Any, num: int
) -> tuple["np.ndarray", list[str], list[float]]:
    """Return the images [N, H, W, 3] uint8, prompts and guidance scales of the first samples."""
    from pairgen.drawing.pictures import decode_latents, first_latents
    from pairgen.shards.format.store import open_store

    prompts, scales, latents = first_latents(open_store(folder), manifest, num)
    return decode_latents(manifest, latents), prompts, scales


def _degrade(out: Path, num_threads: int) -> tuple["np.ndarray", list[str]]:
    """Degrade the packaged photographs; return HR and LR levels at one size, with captions."""
    import cv2
    import numpy as np

    from pairgen.shards.format import layout
    from pairgen.shards.format.reader import map_file, read_samples
    from pairgen.sources.photographs import decode_rgb

    options = {"scales": "4,8", "crop": 256, "cpu_threads": num_threads, "executor": "serial"}
    from pairgen.jobs.degrade.run import run_degrade

    result = run_degrade({**options, "out": str(out)}, say)
    if result.interrupted:
        raise click.Abort
    names = {"png": "HR", "lr2.png": "1/2", "lr4.png": "1/4", "lr8.png": "1/8"}
    pictures = []
    with map_file(out / layout.shard_path(0)) as view:
        for stored in read_samples(view):
            for name in names:
                # Nearest neighbor shows the pixels of LR as they are.
                how = cv2.INTER_AREA if name == "png" else cv2.INTER_NEAREST
                picture = decode_rgb(bytes(stored.members[name]))
                pictures.append(cv2.resize(picture, (128, 128), interpolation=how))
    return np.stack(pictures), list(names.values()) * (len(pictures) // len(names))


def _measure_agreement(
    judge: "Judge", pictures: "np.ndarray", captions: Sequence[str]
) -> dict[str, str]:
    """Return how often an image fits its own prompt better than any other in the dataset."""
    from pairgen.evaluation.agreement import caption_ranks, top_k_agreement

    own = judge.embed_captions(captions)
    prompts = list(dict.fromkeys(captions))
    ranks = caption_ranks(
        judge.embed_pictures(_to_network(pictures)), own, judge.embed_captions(prompts)
    )
    share = top_k_agreement(ranks, 1)
    return {
        "prompt agreement": f"{100 * share:.0f} % of {len(pictures)} images fit their own "
        f"prompt better than the other {len(prompts) - 1}"
    }


def _measure_diversity(
    judge: "Judge",
    noise_pictures: "np.ndarray",
    noise_captions: Sequence[str],
    pictures: "np.ndarray",
    captions: Sequence[str],
) -> dict[str, str]:
    """Return the mean distances between images of one prompt and of different prompts."""
    import numpy as np

    from pairgen.evaluation.diversity import diversity

    # One image of every other prompt: the dataset contains the prompt of the noises too.
    others = [captions.index(each) for each in dict.fromkeys(captions) if each != ONE_PROMPT]
    shown = np.concatenate([noise_pictures, pictures[others]])
    prompts = [*noise_captions, *(captions[place] for place in others)]
    found = diversity(judge.features(_to_network(shown)), prompts)
    return {
        "mean feature distance": f"{found.within:.1f} between noises of one prompt, "
        f"{found.between:.1f} between prompts"
    }


def _to_network(pictures: "np.ndarray") -> Any:
    """Convert images [N, H, W, 3] uint8 to [N, 3, H, W] in [-1, 1]."""
    import torch

    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1
