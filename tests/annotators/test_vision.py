"""clip, dino and depth: what transformers computes with its own preprocessing."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPModel, CLIPTokenizer, DepthAnythingForDepthEstimation, Dinov2Model
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil

import pairgen
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.jobs.replay.run import run_replay
from pairgen.shards.format.codec import decode_array
from tests.annotated_sets import SIDE, write_pictures
from tests.runs import samples
from tests.vision_models import write_clip, write_depth, write_dino

pytestmark = pytest.mark.usefixtures("one_thread")
WRITERS = {"clip": write_clip, "dino": write_dino, "depth": write_depth}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("vision")
    return {name: write(root / name) for name, write in WRITERS.items()}


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "set")


def annotated(parent: Path, name: str, model: Path, **options: object) -> list[dict[str, bytes]]:
    """The batches of 4 are the shards: 4, 4, and 2 that are padded."""
    (manifest,) = pairgen.annotate(
        parent, add=name, model=str(model), batch_size=4, executor="serial", **options
    )
    assert manifest.complete and not manifest.num_failed
    overlay = Path(f"{parent}.annotations/{name}")
    assert pairgen.verify(overlay).clean
    assert not run_replay(overlay, "6").differences
    return samples(overlay)


def pictures(parent: Path) -> list[Image.Image]:
    return [Image.open(io.BytesIO(each["png"])) for each in samples(parent)]


def in_batches(values: torch.Tensor) -> list[torch.Tensor]:
    return [values[:4], values[4:8], torch.cat([values[8:], values[-1:], values[-1:]])]


def prepared(parent: Path, processor) -> torch.Tensor:
    return processor(pictures(parent), return_tensors="pt")["pixel_values"]


def test_dino_is_the_class_token(folders, parent: Path) -> None:
    found = [
        decode_array(each["dino_cls.npy"]) for each in annotated(parent, "dino", folders["dino"])
    ]
    network = Dinov2Model.from_pretrained(folders["dino"]).eval()
    values = prepared(parent, CLIPImageProcessorPil.from_pretrained(folders["dino"]))
    with torch.no_grad():
        outputs = [
            network(pixel_values=each).last_hidden_state[:, 0] for each in in_batches(values)
        ]
    expected = torch.cat(outputs)[:10]
    assert found[0].dtype == np.float16 and found[0].shape == (16,)
    np.testing.assert_allclose(np.stack(found), expected.half(), atol=2e-3)
    assert np.abs(np.diff(np.stack(found), axis=0)).max() > 0.01


def test_depth_is_the_prediction_at_the_size_of_the_image(folders, parent: Path) -> None:
    found = annotated(parent, "depth", folders["depth"])
    network = DepthAnythingForDepthEstimation.from_pretrained(folders["depth"]).eval()
    processor = DPTImageProcessorPil.from_pretrained(folders["depth"])
    values = prepared(parent, processor)
    for index, sample in enumerate(found):
        with torch.no_grad():
            output = network(pixel_values=values[index : index + 1])
        sizes = [(SIDE, SIDE)]
        (post,) = processor.post_process_depth_estimation(output, target_sizes=sizes)
        expected = post["predicted_depth"].numpy()
        levels = np.asarray(Image.open(io.BytesIO(sample["depth.png"])))
        assert levels.shape == (SIDE, SIDE) and (levels.min(), levels.max()) == (0, 65535)
        facts = json.loads(sample["json"])
        span = facts["depth_high"] - facts["depth_low"]
        again = facts["depth_low"] + levels / 65535 * span
        np.testing.assert_allclose(again, expected, atol=span / 65535 + 1e-6)


def test_clip_embeds_images_and_texts(folders, parent: Path) -> None:
    found = annotated(parent, "clip", folders["clip"])
    network = CLIPModel.from_pretrained(folders["clip"]).eval()
    values = prepared(parent, CLIPImageProcessorPil.from_pretrained(folders["clip"]))
    tokenizer = CLIPTokenizer.from_pretrained(folders["clip"])
    texts = [each["txt"].decode() for each in samples(parent)]
    ids = tokenizer(texts, padding="max_length", max_length=24, return_tensors="pt").input_ids
    with torch.no_grad():
        output = network(input_ids=ids, pixel_values=values)
    for name, expected in (
        ("clip_image.npy", output.image_embeds),
        ("clip_text.npy", output.text_embeds),
    ):
        stored = torch.from_numpy(np.stack([decode_array(each[name]) for each in found])).float()
        assert stored.shape == (10, 12)
        normal = stored / stored.norm(dim=1, keepdim=True)
        torch.testing.assert_close(normal, expected, atol=2e-3, rtol=0)
    scores = [json.loads(each["json"])["clip_score"] for each in found]
    expected = (output.image_embeds * output.text_embeds).sum(dim=1)
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    loader = pairgen.Loader(parent, fields=["png"], where=f"clip_score > {scores[3]}", batch_size=1)
    taken = sorted(int(batch.indices) for batch in loader)
    assert taken == [i for i, score in enumerate(scores) if score > scores[3]]


def test_clip_of_images_alone_needs_no_text(folders, parent: Path) -> None:
    found = annotated(parent, "clip", folders["clip"], of="image")
    assert set(found[0]) == {"clip_image.npy", "json"}
    assert set(json.loads(found[0]["json"])) == {"index", "seed"}


def test_models_of_other_types_are_refused(folders, sd15_folder, parent: Path, tmp_path) -> None:
    for options, message in (
        (
            {"add": "dino"},
            "model must be a dinov2 or .* such as facebook/dinov2-large, got none",
        ),
        ({"add": "dino", "model": str(folders["clip"])}, "got clip, a clip"),
        ({"add": "clip", "model": str(sd15_folder)}, "got sd15, which has no config.json"),
        ({"add": "latent", "model": str(folders["clip"])}, "model_index.json is missing"),
    ):
        with pytest.raises(ConfigError, match=message):
            pairgen.annotate(parent, **options)
    folder = write_dino(tmp_path / "dino")
    (folder / "preprocessor_config.json").write_text('{"size": 3}')
    with pytest.raises(TeacherLoadError, match=r"preprocessor_config.json of .* cannot be used"):
        pairgen.annotate(parent, add="dino", model=str(folder), executor="serial")
