"""A self-contained HTML page about a dataset: what it is, its figures, its pictures."""

import base64
import html
from collections.abc import Sequence

import numpy as np
from PIL import Image

from pairgen.report.pictures import encode_png
from pairgen.shards.verify import Report
from pairgen.types import Manifest

PICTURE_PX = 128

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; }
h1 { margin-bottom: 0; } p.sub { color: #555; margin-top: .2em; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: .25em .9em .25em 0; text-align: left; border-bottom: 1px solid #ddd; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 12px; }
figure { margin: 0; } figure img { width: 128px; image-rendering: auto; display: block; }
figcaption { font-size: 12px; color: #333; }
pre { background: #f5f5f5; padding: .8em; overflow-x: auto; }
"""


def render_page(
    manifest: Manifest,
    report: Report,
    seconds: float,
    prompts: Sequence[str],
    guidance_scales: Sequence[float],
    pictures: np.ndarray,
) -> str:
    """Return the page.

    Args:
        manifest: The dataset.
        report: What `verify` found.
        seconds: Wall time of the run that made it.
        prompts: Of the pictures.
        guidance_scales: Of the pictures.
        pictures: [N, H, W, 3] uint8.
    """
    plan, recipe = manifest.plan, manifest.plan.recipe
    times = plan.resolved["times"]
    rows = [
        ("teacher", plan.teacher["name"]),
        ("solver", f"{recipe['solver']}, {recipe['steps']} steps, {recipe['spacing']}"),
        ("times", f"{times[0]:g} ... {times[-1]:g}, end {recipe['end']}"),
        ("guidance", ", ".join(f"{scale:g}" for scale in recipe["guidance_scales"])),
        ("samples", f"{manifest.num_samples:,} in {len(manifest.receipts)} shards"),
        ("size", f"{manifest.num_bytes / 1e6:.1f} MB"),
        ("rate", f"{manifest.num_samples / seconds:.1f} samples/s, start-up included"),
        ("fingerprint", plan.fingerprint()[:16]),
    ]
    table = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    figures = "".join(
        f'<figure><img src="{_data_url(picture)}" alt=""><figcaption>{html.escape(prompt)}'
        f" (guidance {scale:g})</figcaption></figure>"
        for prompt, scale, picture in zip(prompts, guidance_scales, pictures, strict=True)
    )
    verdict = "verify: clean" if report.clean else "verify: NOT clean"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>pairgen demo</title>'
        f"<style>{STYLE}</style><h1>pairgen demo</h1>"
        f'<p class="sub">prompts to verified (noise, prompt, latent) shards</p>'
        f"<table>{table}</table><h2>{verdict}</h2><pre>{html.escape(report.table())}</pre>"
        f"<h2>Latents, decoded</h2><p>The embedded teacher has random weights until its trained "
        f"ones ship, so these pictures are abstract; everything else is as with a real teacher.</p>"
        f'<div class="grid">{figures}</div></html>'
    )


def _data_url(picture: np.ndarray) -> str:
    image = Image.fromarray(picture).resize((PICTURE_PX, PICTURE_PX), Image.Resampling.BICUBIC)
    return "data:image/png;base64," + base64.b64encode(encode_png(image)).decode("ascii")
