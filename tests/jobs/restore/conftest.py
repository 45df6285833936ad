"""A restoration student of a small random Stable Diffusion, whose VAE has 2 px a latent."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ONE_STEP = {"steps": 1, "solver": "ddim", "spacing": "200", "end": "clean"}
RECIPE = {"kind": "restoration", "source": "lr4.png", "scale": 4, "posterior": "sample"}

WriteStudent = Callable[..., Path]


def write_student(
    folder: Path, location: Path | str, sampling: Mapping[str, Any] = ONE_STEP, **recipe: Any
) -> Path:
    """Write the model file of an image student; its weights are those of a model."""
    folder.mkdir(parents=True)
    model = {
        "teacher": "latent_diffusion",
        "location": str(location),
        "dtype": "float32",
        "batch_size": 4,
        "samples_per_shard": 4,
        "sampling": dict(sampling),
        "image": {**RECIPE, **recipe},
    }
    (folder / "model.yaml").write_text(yaml.safe_dump(model), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def student(sd15_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student that starts at the image, in one step. Do not change it."""
    return write_student(tmp_path_factory.mktemp("students") / "student", sd15_folder)
