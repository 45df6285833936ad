"""Small pairs of a small random Stable Diffusion, made by the real command."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

import pairgen
from pairgen.config import packaged_assets
from pairgen.jobs.train.run import Trained, run_train
from pairgen.networks.latent_vgg import LatentVgg
from pairgen.networks.lpips import Lpips
from pairgen.networks.lpips_file import LpipsOrigin, save_lpips
from tests.training.everything import PLAYERS
from tests.vision_models import write_dino

OPTIONS = {
    "method": "regression",
    "steps": 6,
    "batch_size": 8,
    "checkpoint_every": 0,
    "grid_every": 0,
    "warmup_steps": 2,
    "num_grid_prompts": 1,
    "log_every": 1,
    "tensorboard": False,
    "lr": 1e-3,
}


def make_pairs(folder: Path, out: Path, **options: Any) -> Path:
    prompts = out.parent / f"{out.name}.txt"
    prompts.write_text("a red heart\na blue book\na cat\n", encoding="utf-8")
    manifest = pairgen.ode(
        model=str(folder),
        prompts=str(prompts),
        out=str(out),
        executor="serial",
        **{
            "cfg": 3,
            "steps": 3,
            "num_samples": 32,
            "samples_per_shard": 8,
            "batch_size": 8,
            "dtype": "float32",
            **options,
        },
    )
    assert manifest.complete
    return out


def make_degraded(out: Path, names: Sequence[str], **options: Any) -> Path:
    """Degrade crops of 16 px of packaged photographs: HR, and LR of 8 and 4 px, with captions."""
    captions = out.parent / f"{out.name}.csv"
    captions.write_text("file_name,caption\n" + "".join(f"{each}.jpg,{each}\n" for each in names))
    manifest = pairgen.degrade(
        images=[str(packaged_assets() / f"photographs/{each}.jpg") for each in names],
        captions=str(captions),
        out=str(out),
        executor="serial",
        **{
            # What figures of tests were measured with.
            "degradation": "realesrgan-aligned",
            **{"crop": 16, "scales": 4, "samples_per_image": 4, "samples_per_shard": 5},
            **options,
        },
    )
    assert manifest.complete
    return out


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 pairs of HR and LR in 2 shards. Do not change it."""
    return make_degraded(tmp_path_factory.mktemp("degraded") / "set", ("bridge", "citrus"))


@pytest.fixture(scope="session")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 pictures of 16 px with captions in 4 shards. Do not change it."""
    out = tmp_path_factory.mktemp("captioned") / "set"
    return make_degraded(
        out, ("bridge", "citrus", "seeding", "honey-bee"), samples_per_image=8, samples_per_shard=8
    )


@pytest.fixture(scope="session")
def levels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """8 pictures of 16 px with 1/2 and 1/4. Do not change it."""
    out = tmp_path_factory.mktemp("levels") / "set"
    return make_degraded(out, ("bridge", "citrus"), degradation="bicubic")


@pytest.fixture(scope="session")
def pairs(sd15_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 pairs in 4 shards. Do not change it."""
    return make_pairs(sd15_folder, tmp_path_factory.mktemp("pairs") / "set")


@pytest.fixture(scope="session")
def pairs_of_two_scales(sd15_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 pairs at two guidance scales. Do not change it."""
    return make_pairs(sd15_folder, tmp_path_factory.mktemp("pairs") / "two", cfg="2,8")


@pytest.fixture(scope="session")
def latent_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random narrow perceptual network for four channels. Do not change it."""
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("net") / "latent_lpips.safetensors"
    lpips = Lpips(LatentVgg(4, width=0.0625))
    save_lpips(path, lpips, LpipsOrigin(made_for="a test", made_by="random numbers"))
    return path


@pytest.fixture(scope="session")
def pixel_net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random narrow perceptual network for images. Do not change it."""
    torch.manual_seed(6)
    path = tmp_path_factory.mktemp("net") / "lpips.safetensors"
    lpips = Lpips(LatentVgg(3, width=0.0625))
    save_lpips(path, lpips, LpipsOrigin(made_for="a test", made_by="random numbers"))
    return path


@pytest.fixture(scope="session")
def dino(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random DINOv2 for a discriminator of images. Do not change it."""
    return write_dino(tmp_path_factory.mktemp("vision") / "dino")


@pytest.fixture(scope="session")
def restorable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 low-resolution images and their originals, 32 px, in 4 shards. Do not change it."""
    out = tmp_path_factory.mktemp("restorable") / "set"
    pairgen.degrade(
        out=str(out),
        crop=32,
        scales=2,
        samples_per_image=8,
        samples_per_shard=8,
        executor="serial",
    )
    return out


@pytest.fixture
def everything(sd15_folder: Path) -> dict[str, Any]:
    """Options of the method `everything` for `restorable`."""
    return {
        "method": "tests.training.everything",
        "model": str(sd15_folder),
        "batch_size": 4,
        "crop": 16,
        "flip": True,
        "players": PLAYERS,
    }


@pytest.fixture
def train(tmp_path: Path, one_thread: None) -> Callable[..., Trained]:
    """Train in this process, one thread."""
    said: list[str] = []

    def run(data: Path, out: str = "run", **options: Any) -> Trained:
        run.folder = tmp_path / out  # type: ignore[attr-defined]
        given = {**OPTIONS, "data": str(data), "out": str(run.folder), **options}  # type: ignore[attr-defined]
        return run_train(given, said.append)

    run.said = said  # type: ignore[attr-defined]
    return run
