"""A restoration student of a small random Stable Diffusion, whose VAE has 2 px a latent."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.branches import write_branch

ONE_STEP = {"steps": 1, "solver": "ddim", "spacing": "200", "end": "clean"}
RECIPE = {"kind": "restoration", "source": "lr4.png", "scale": 4, "posterior": "sample"}

# A student whose branch sees the image.
BY_BRANCH = {"start": "noise", "branch": True, "posterior": "mean"}

WriteStudent = Callable[..., Path]


def write_student(
    folder: Path,
    location: Path | str,
    sampling: Mapping[str, Any] = ONE_STEP,
    *,
    branch_of: Path | str = "",
    **recipe: Any,
) -> Path:
    """Write the model file of an image student; its weights are those of a model.

    Args:
        folder: Folder of the file.
        location: The model.
        sampling: How it steps.
        branch_of: Folder of its condition branch; empty for none.
        **recipe: What differs from `RECIPE`.
    """
    folder.mkdir(parents=True)
    model = {
        "teacher": "latent_diffusion",
        "location": str(location),
        **({"branch": str(branch_of)} if branch_of else {}),
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


@pytest.fixture(scope="session")
def branch_student(sd15_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of two steps whose branch sees the image. Do not change it."""
    folder = tmp_path_factory.mktemp("students")
    branch = write_branch(folder / "branch", sd15_folder)
    sampling = {"steps": 2, "solver": "ddim", "spacing": "trailing", "end": "clean"}
    return write_student(folder / "by-branch", sd15_folder, sampling, branch_of=branch, **BY_BRANCH)
