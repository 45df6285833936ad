"""`annotate --add latent` of HR 512 by Stable Diffusion's VAE in float32, beside the VAE alone."""

from collections.abc import Iterator

import numpy as np
import torch

import pairgen
from gpu_checks.models import sd15
from gpu_checks.peaks import timed
from gpu_checks.setting import Row, Setting, verdict
from pairgen import plugins
from pairgen.jobs.replay.run import run_replay
from pairgen.receipts import Manifest

BATCH = 8


def check(setting: Setting) -> Iterator[Row]:
    """Time the command and the VAE, and make samples again."""
    size, num = (16, 8) if setting.small else (512, 64)
    model, folder = sd15(setting), str(setting.folder / "degraded")
    pairgen.degrade(
        scales="4",
        crop=size,
        samples_per_image=num // 4,
        samples_per_shard=num,
        executor="serial",
        out=folder,
    )
    told = f"HR {size}, batches of {BATCH}, float32"
    autoencoder = plugins.call(
        "teachers",
        "latent_diffusion",
        "build_autoencoder",
        location=str(model),
        device=setting.device,
    )
    generator = np.random.default_rng(0)
    pixels = generator.uniform(-1, 1, (BATCH, 3, size, size)).astype(np.float32)
    images = torch.from_numpy(pixels).to(setting.device)

    def alone() -> None:
        with torch.no_grad():
            for _ in range(num // BATCH):
                autoencoder.encode(images).cpu()

    alone()
    seconds, peak = timed(alone)
    yield Row("the VAE alone", num / seconds, "images/s", f"{told}; peak {peak:.2f} GiB")
    made: list[Manifest] = []

    def command() -> None:
        options = {"model": str(model), "batch_size": BATCH, "executor": "serial"}
        made.extend(pairgen.annotate(folder, add="latent", **options))

    seconds, peak = timed(command)
    (manifest,) = made
    yield Row(
        "pairgen annotate, to the shard",
        manifest.num_samples / seconds,
        "images/s",
        f"{told}; PNG decoded, start included; peak {peak:.2f} GiB",
        failed=not manifest.complete or manifest.num_samples != num,
    )
    overlay = f"{folder}.annotations/latent"
    yield verdict("verify", pairgen.verify(overlay).clean)
    differences = run_replay(overlay, str(num - 1)).differences
    yield verdict("replay of a sample", not differences, "; ".join(differences))
