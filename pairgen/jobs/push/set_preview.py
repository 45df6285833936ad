"""The preview of a dataset: some samples, evenly spread, in one image."""

from dataclasses import dataclass

import numpy as np
import torch

from pairgen.drawing.cells import is_latent, latent_cells, level_cells, picture_members
from pairgen.drawing.pictures import encode_png
from pairgen.drawing.sample_sheet import draw_sheet
from pairgen.errors import PairgenError
from pairgen.execution.say import Say
from pairgen.kinds.decode import load_decoder
from pairgen.receipts import Manifest
from pairgen.shards.loading.stored import read_rows, spread_rows
from pairgen.shards.storage.local_store import LocalStore

NUM_SHOWN = 8


@dataclass(frozen=True)
class Preview:
    """An image of what is pushed.

    Attributes:
        png: The image; empty for none.
        caption: What it shows; empty for none.
    """

    png: bytes = b""
    caption: str = ""


def set_preview(store: LocalStore, manifest: Manifest, say: Say) -> Preview:
    """Return an image of samples; none if a dataset has no images, or no decoder is here."""
    plan = manifest.plan
    counts = np.zeros(plan.num_shards, np.int64)
    for receipt in manifest.receipts:
        counts[receipt.shard_index] = receipt.count
    places = spread_rows(counts, NUM_SHOWN)
    if not places or not (is_latent(plan) or picture_members(plan)):
        return Preview()
    try:
        if is_latent(plan):
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            decoder = load_decoder(plan.teacher, device)
            samples = read_rows(store, plan, places)
            sheet = draw_sheet(
                samples, len(places), lambda each: latent_cells(decoder, each), _unseen
            )
        else:
            samples = read_rows(store, plan, places)
            sheet = draw_sheet(samples, len(places), lambda each: level_cells(plan, each), _unseen)
    except PairgenError as error:
        # What is pushed is whole without it.
        say(f"No preview: {error}")
        return Preview()
    return Preview(encode_png(sheet), f"{len(places)} of {manifest.num_samples:,} samples")


def _unseen(_: int) -> None:
    """Show no progress: a preview takes seconds."""
