"""Images of a dataset: its latents, decoded by its own teacher, as a grid."""

import io

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pairgen.kinds.decode import decode_pictures
from pairgen.kinds.ode.maker import build_teacher
from pairgen.receipts import Manifest
from pairgen.shards.format import layout
from pairgen.shards.format.reader import map_file, read_samples
from pairgen.shards.storage.store import Store

GRID_GAP = 4
# Keyword of the PNG text chunk that records how an image was made.
FACTS_CHUNK = "pairgen"


def first_latents(
    store: Store, manifest: Manifest, num: int
) -> tuple[list[str], list[float], np.ndarray]:
    """Return prompts, guidance scales and latents [N, C, H, W] of the first `num` samples."""
    prompts: list[str] = []
    guidance_scales: list[float] = []
    latents: list[np.ndarray] = []
    for receipt in manifest.receipts:
        if receipt.count == 0 or len(latents) >= num:
            continue
        with store.local(layout.shard_path(receipt.shard_index)) as path, map_file(path) as view:
            for sample in read_samples(view):
                if len(latents) < num:
                    prompts.append(sample.decode("txt"))
                    guidance_scales.append(sample.decode("json")["guidance_scale"])
                    latents.append(sample.decode("latent.npy"))
                # Release the view before its file is closed.
                sample.members.clear()
    return prompts, guidance_scales, np.stack(latents)


def decode_latents(manifest: Manifest, latents: np.ndarray) -> np.ndarray:
    """Decode latents [N, C, H, W] to images [N, H', W', 3] uint8."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return decode_pictures(build_teacher(manifest.plan, device), latents)


def make_grid_image(pictures: np.ndarray, num_columns: int) -> Image.Image:
    """Tile images [N, H, W, 3] uint8 row by row on white."""
    num, height, width, _ = pictures.shape
    num_rows = -(-num // num_columns)
    canvas = np.full(
        (num_rows * (height + GRID_GAP) - GRID_GAP, num_columns * (width + GRID_GAP) - GRID_GAP, 3),
        255,
        dtype=np.uint8,
    )
    for i, picture in enumerate(pictures):
        row, column = divmod(i, num_columns)
        top, left = row * (height + GRID_GAP), column * (width + GRID_GAP)
        canvas[top : top + height, left : left + width] = picture
    return Image.fromarray(canvas)


def encode_png(image: Image.Image, facts: str = "") -> bytes:
    """Encode the image as PNG.

    Args:
        image: The image.
        facts: ASCII JSON to store in the text chunk `pairgen`; empty for no chunk.
    """
    chunks = PngInfo()
    if facts:
        chunks.add_text(FACTS_CHUNK, facts)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", pnginfo=chunks)
    return buffer.getvalue()
