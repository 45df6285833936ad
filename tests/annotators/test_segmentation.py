"""segmentation: the classes that transformers' own post-processing gives."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import SegformerForSemanticSegmentation, UperNetForSemanticSegmentation
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

import pairgen
from pairgen.errors import ConfigError
from pairgen.jobs.replay.run import run_replay
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.annotated_sets import SIDE, write_pictures
from tests.runs import samples
from tests.vision_models import write_segformer, write_upernet

pytestmark = pytest.mark.usefixtures("one_thread")


def segmented(parent: Path, model: Path, **options: object) -> list[np.ndarray]:
    (manifest,) = pairgen.annotate(
        parent, add="segmentation", model=str(model), batch_size=4, executor="serial", **options
    )
    assert manifest.complete and not manifest.num_failed
    overlay = f"{parent}.annotations/segmentation"
    assert pairgen.verify(overlay).clean and not run_replay(overlay, "6").differences
    return [np.asarray(Image.open(io.BytesIO(each["seg.png"]))) for each in samples(Path(overlay))]


@pytest.mark.parametrize(
    ("write", "network"),
    [
        (write_segformer, SegformerForSemanticSegmentation),
        (write_upernet, UperNetForSemanticSegmentation),
    ],
)
def test_classes_are_those_of_transformers_post_processing(tmp_path, write, network) -> None:
    parent, folder = write_pictures(tmp_path / "set"), write(tmp_path / "model")
    found = segmented(parent, folder)
    model = network.from_pretrained(folder).eval()
    processor = SegformerImageProcessorPil.from_pretrained(folder)
    pictures = [Image.open(io.BytesIO(each["png"])) for each in samples(parent)]
    # The batches of 4 are the shards: 4, 4, and 2 that are padded.
    for start in (0, 4, 8):
        batch = [pictures[min(i, 9)] for i in range(start, start + 4)]
        with torch.no_grad():
            output = model(**processor(batch, return_tensors="pt"))
        expected = processor.post_process_semantic_segmentation(output, [(SIDE, SIDE)] * 4)
        for mine, classes in zip(found[start : start + 4], expected, strict=False):
            assert mine.dtype == np.uint8 and np.array_equal(mine, classes.numpy())
    assert len(np.unique(np.stack(found))) > 2


def test_the_plan_names_the_classes_and_other_names_are_another_overlay(tmp_path: Path) -> None:
    parent, folder = write_pictures(tmp_path / "set"), write_segformer(tmp_path / "model", 3)
    segmented(parent, folder, image="lr2.png")
    overlay = LocalStore(Path(f"{parent}.annotations/segmentation"))
    plan = read_plan(overlay)
    assert plan.teacher["identity"]["classes"] == ["class 0", "class 1", "class 2"]
    assert plan.members["seg.png"] == {"dtype": "uint8", "shape": [SIDE // 2, SIDE // 2, 1]}
    config = json.loads((folder / "config.json").read_text())
    config["id2label"]["1"] = "sky"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="weights_sha256"):
        pairgen.annotate(parent, add="segmentation")
    config["id2label"] = {"1": "sky", "2": "sea"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="must name the classes 0, 1, 2"):
        pairgen.annotate(parent, add="segmentation")


def test_more_than_256_classes_take_16_bits(tmp_path: Path) -> None:
    parent, folder = write_pictures(tmp_path / "set"), write_segformer(tmp_path / "model", 300)
    found = np.stack(segmented(parent, folder))
    assert found.dtype == np.uint16 and found.max() > 255
    loader = pairgen.Loader(parent, fields=["png", "seg.png"], batch_size=10)
    batch = next(iter(loader))
    order = np.asarray(batch.indices)
    assert np.array_equal(batch["seg.png"].numpy()[..., 0], found[order])


def test_a_model_without_the_head_or_of_other_parts_is_refused(tmp_path: Path) -> None:
    parent, folder = write_pictures(tmp_path / "set"), write_segformer(tmp_path / "model")
    path = folder / "config.json"
    config = json.loads(path.read_text()) | {"architectures": ["SegformerForImageClassification"]}
    path.write_text(json.dumps(config))
    message = "model must be a SegformerForSemanticSegmentation, got model, a SegformerForImageCl"
    with pytest.raises(ConfigError, match=message):
        pairgen.annotate(parent, add="segmentation", model=str(folder))
    config = {"model_type": "upernet", "backbone_config": {"model_type": "timm_backbone"}}
    path.write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="got model, whose backbone is one of timm"):
        pairgen.annotate(parent, add="segmentation", model=str(folder))
    assert not Path(f"{parent}.annotations").exists()
