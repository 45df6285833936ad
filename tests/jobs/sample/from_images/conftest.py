"""Models of a small random Stable Diffusion that make images from pictures, and a set of these."""

from pathlib import Path

import pytest

import pairgen
from tests.annotated_sets import write_pictures
from tests.branches import write_branch
from tests.jobs.restore.conftest import BY_BRANCH, write_student
from tests.runs import samples

STEPS = {"steps": 2, "solver": "ddim", "spacing": "trailing", "end": "clean"}


@pytest.fixture(scope="session")
def models(sd15_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of models. Do not change it.

    edges: from edges and captions, by a ControlNet. painter: paints the masked part, by a mixture.
    larger: a restoration that starts at the image and enlarges it.
    """
    folder = tmp_path_factory.mktemp("models")
    by_edges = {**BY_BRANCH, "kind": "conditional", "source": "canny.png", "scale": 1}
    branch = write_branch(folder / "controlnet", sd15_folder)
    recipe = {**by_edges, "prompts": "txt", "prompt": "a cat"}
    write_student(folder / "edges", sd15_folder, STEPS, branch_of=branch, **recipe)
    branch = write_branch(folder / "mixture", sd15_folder, channels=4, fusion="mixture")
    recipe = {**by_edges, "source": "png", "mask": "mask.png"}
    write_student(folder / "painter", sd15_folder, STEPS, branch_of=branch, **recipe)
    write_student(folder / "larger", sd15_folder)
    return folder


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 pictures of 32 px with captions, edges and masks, in shards of 4. Do not change it."""
    root = write_pictures(tmp_path_factory.mktemp("pairs") / "set")
    pairgen.annotate(root, add=["canny", "mask"], executor="serial")
    return root


@pytest.fixture(scope="session")
def files(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the set holds, as files: edges/, pictures/, masks/, small/. Do not change it."""
    root = tmp_path_factory.mktemp("files")
    annotations = pairs.with_name("set.annotations")
    for folder, source, member in (
        ("edges", annotations / "canny", "canny.png"),
        ("pictures", pairs, "png"),
        ("masks", annotations / "mask", "mask.png"),
        ("small", pairs, "lr4.png"),
    ):
        (root / folder).mkdir()
        for index, fields in enumerate(samples(source)):
            (root / folder / f"{index:02}.png").write_bytes(fields[member])
    return root
