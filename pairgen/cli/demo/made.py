"""Make and read the datasets of the demo."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pairgen.cli.options import say

if TYPE_CHECKING:
    import numpy as np


def make(options: dict[str, Any]) -> Any:
    """Make a dataset; return its manifest."""
    from pairgen.jobs.ode.run import run_ode

    result = run_ode(options, say)
    if result.interrupted:
        raise click.Abort
    return result.manifest


def pictures_of(
    folder: Path, manifest: Any, num: int
) -> tuple["np.ndarray", list[str], list[float]]:
    """Return the images [N, H, W, 3] uint8, prompts and guidance scales of the first samples."""
    from pairgen.drawing.pictures import decode_latents, first_latents
    from pairgen.shards.storage.store import open_store

    prompts, scales, latents = first_latents(open_store(folder), manifest, num)
    return decode_latents(manifest, latents), prompts, scales


def degrade(out: Path, num_threads: int) -> tuple["np.ndarray", list[str]]:
    """Degrade the packaged photographs; return HR and LR levels at one size, with captions."""
    import cv2
    import numpy as np

    from pairgen.jobs.degrade.run import run_degrade
    from pairgen.shards.format import layout
    from pairgen.shards.format.reader import map_file, read_samples
    from pairgen.sources.photographs import decode_rgb

    options = {"scales": "4,8", "crop": 256, "cpu_threads": num_threads, "executor": "serial"}
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
