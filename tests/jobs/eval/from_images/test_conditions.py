"""`pairgen eval` of students that see an image by a branch: edges found again, painted pixels."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

import pairgen
from pairgen.jobs.eval.page import figure_table
from pairgen.jobs.train.run import run_train
from tests.annotated_sets import picture_plan, write_pictures
from tests.branches import write_branch
from tests.training.conftest import OPTIONS

TOY = "tests.training.toy_condition"
NUM = 10


@pytest.fixture(scope="module")
def annotated(tmp_path_factory, sd15_folder) -> Path:
    """Two sets with edges and masks, and students of a few steps. Do not change them."""
    folder = tmp_path_factory.mktemp("annotated")
    write_pictures(folder / "seen", picture_plan(num_samples=4))
    write_pictures(folder / "held")
    options = {"low": 50.0, "high": 150.0, "l2": True}
    for name in ("seen", "held"):
        pairgen.annotate(folder / name, add="canny", options=options, executor="serial")
        pairgen.annotate(folder / name, add="mask", executor="serial")
    given = {**OPTIONS, "method": TOY, "model": str(sd15_folder), "data": str(folder / "seen")}
    for name, chosen in {
        "edges": {"source": "canny.png", "prompts": "txt"},
        "painter": {"source": "png", "mask": "mask.png", "fusion": "mixture", "train_unet": True},
    }.items():
        run_train({**given, **chosen, "out": str(folder / name), "steps": 2, "batch_size": 4})
    return folder


def members(folder: Path, *names: str) -> list[np.ndarray]:
    loader = pairgen.Loader(folder, fields=names, batch_size=NUM)
    batch = next(iter(loader))
    order = batch.indices.argsort()
    return [batch[name][order].numpy() for name in names]


def made(folder: Path, run: str) -> np.ndarray:
    """Return the images that are judged; their noises belong to the samples of the set."""
    seed = yaml.safe_load((folder / "held/__meta__/plan.yaml").read_text())["seed"]
    return pairgen.sample(
        model=folder / run, condition=folder / "held", seed=seed, out=folder / f"{run}.png"
    ).pictures


def evaluated(folder: Path, run: str, **options) -> dict:
    return pairgen.evaluate(
        folder / run, data=str(folder / "held"), cpu_threads=1, allow_training_data=True, **options
    ).figures


@pytest.mark.usefixtures("one_thread")
def test_edges_are_found_again_as_those_of_the_condition(annotated):
    found = evaluated(annotated, "edges", subset="few=key < '000000003'")
    wanted, targets = members(annotated / "held", "canny.png", "png")
    target, student = found["rows"]
    assert target["edge_f1"] == 1 and target["painted_error"] is None
    assert found["edges"] == {
        "annotator": "canny", "image": "", "low": 50.0, "high": 150.0, "l2": True
    }  # fmt: skip
    pictures = made(annotated, "edges")
    scores = []
    for picture, edges in zip(pictures, wanted[..., 0] > 0, strict=True):
        own = cv2.Canny(picture, 50, 150, L2gradient=True) > 0
        scores.append(2 * (own & edges).sum() / (own.sum() + edges.sum()))
    assert student["edge_f1"] == pytest.approx(np.mean(scores)) and 0 < np.mean(scores) < 0.9
    (few,) = found["subsets"]
    assert few["rows"][1]["edge_f1"] == pytest.approx(np.mean(scores[:3]))
    table = figure_table(found)
    assert "edges F1" in table and "painted" not in table
    page = (annotated / "edges/eval/index.html").read_text()
    assert "edge pixels against those of its condition" in page
    assert len(targets) == NUM


@pytest.mark.usefixtures("one_thread")
def test_only_painted_pixels_are_compared(annotated):
    found = evaluated(annotated, "painter")
    target, student = found["rows"]
    assert target["painted_error"] == 0 and target["edge_f1"] is None
    masks, targets = members(annotated / "held", "mask.png", "png")
    pictures, painted = made(annotated, "painter"), masks[..., 0] > 127
    assert np.array_equal(pictures[~painted], targets[~painted])
    errors = [
        np.abs(a.astype(int) - b)[mask].mean()
        for a, b, mask in zip(pictures, targets, painted, strict=True)
    ]
    assert student["painted_error"] == pytest.approx(np.mean(errors)) and np.mean(errors) > 1
    assert found["edges"] is None
    assert "painted" in figure_table(found) and "edges F1" not in figure_table(found)


def test_a_controlnet_that_nobody_trained_here_is_judged(annotated, sd15_folder, tmp_path):
    """A model file alone: a frozen model, a ControlNet, several steps with guidance."""
    write_branch(tmp_path / "controlnet", sd15_folder)
    model = {
        "teacher": "latent_diffusion",
        "location": str(sd15_folder),
        "branch": "controlnet",
        **{"dtype": "float32", "batch_size": 4, "samples_per_shard": 4},
        "sampling": {
            **{"steps": 3, "solver": "ddim", "spacing": "trailing", "end": "t0", "cfg": 7.5}
        },
        "image": {
            **{"kind": "conditional", "source": "canny.png", "start": "noise", "branch": True},
            "prompts": "txt",
        },
    }
    (tmp_path / "edges.yaml").write_text(yaml.safe_dump(model))
    out = tmp_path / "out"
    figures = pairgen.evaluate(
        tmp_path / "edges.yaml", data=str(annotated / "held"), num_samples=3, out=str(out)
    ).figures
    target, model_row = figures["rows"]
    assert (target["name"], model_row["name"]) == ("target", "model given")
    assert model_row["evaluations_per_picture"] == 6 and 0 <= model_row["edge_f1"] <= 1
    assert figures["ledger"] is None and "branch" in figures["model"]["identity"]
    assert "nothing says what it has seen" in figures["notes"][0]
    assert json.loads((out / "eval.json").read_text())["sampling"]["cfg"] == 7.5
