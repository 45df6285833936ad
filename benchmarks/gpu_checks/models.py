"""Random models at true widths: made once an invocation, on the GPU, and shared by the checks."""

import shutil
from collections.abc import Callable
from pathlib import Path

from random_models import write_sd15, write_sdxl

from gpu_checks.setting import Setting


def sd15(setting: Setting) -> Path:
    """Return a folder of Stable Diffusion 1.5's widths, true VAE included, in bfloat16."""

    def write(folder: Path) -> None:
        size = 8 if setting.small else 64
        device = setting.device.type
        write_sd15(folder, small=setting.small, latent_size=size, device=device, true_vae=True)

    return _once(setting.shared / "sd15", write)


def sdxl(setting: Setting) -> Path:
    """Return a folder of SDXL's widths, both text encoders included, in bfloat16."""
    device = setting.device.type
    return _once(
        setting.shared / "sdxl",
        lambda folder: write_sdxl(folder, small=setting.small, device=device),
    )


def _once(folder: Path, write: Callable[[Path], None]) -> Path:
    if not folder.is_dir():
        # A check may be killed in the middle.
        part = folder.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        write(part)
        part.rename(folder)
    return folder
