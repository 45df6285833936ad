"""`pairgen demo`: every stage that exists, on the embedded teacher, ending with a page."""

import sys
import time
from pathlib import Path

import click

from pairgen.cli.options import pin_threads

NUM_PICTURES = 32


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Folder of the demo.",
)
@click.option(
    "--num-samples",
    type=click.IntRange(min=1),
    default=128,
    show_default=True,
    help="Pairs to make.",
)
def demo(out: Path, num_samples: int) -> None:
    """Make pairs with the embedded teacher, verify them, and show them on a page."""
    pin_threads(1)
    from pairgen import api
    from pairgen.report.page import render_page
    from pairgen.report.pictures import (
        decode_latents,
        encode_png,
        first_latents,
        make_grid_image,
    )
    from pairgen.shards.store import open_store

    def say(message: str) -> None:
        click.echo(message, err=True)

    click.echo(f"1/3 pairgen ode: {num_samples} pairs from the embedded teacher, 50 DDIM steps")
    start = time.perf_counter()
    options = {"model": "tiny", "cfg": 8, "num_samples": num_samples, "samples_per_shard": 32}
    result = api.run_ode({**options, "out": str(out / "pairs"), "executor": "serial"}, say)
    seconds = time.perf_counter() - start
    if result.interrupted:
        raise click.Abort
    click.echo("2/3 pairgen verify: every byte, every number, the noise")
    report = api.verify(out / "pairs")
    click.echo(report.table())
    click.echo("3/3 pictures: latents decoded by the teacher's own VAE")
    store = open_store(out / "pairs")
    prompts, guidance_scales, latents = first_latents(store, result.manifest, NUM_PICTURES)
    pictures = decode_latents(result.manifest, latents)
    (out / "grid.png").write_bytes(encode_png(make_grid_image(pictures, 8)))
    page = render_page(result.manifest, report, seconds, prompts, guidance_scales, pictures)
    (out / "report.html").write_text(page, encoding="utf-8")
    click.echo(f"Picture: {(out / 'grid.png').absolute()}")
    click.echo(f"Report:  {(out / 'report.html').absolute()}")
    sys.exit(0 if report.clean else 1)
