"""aesthetic: the published heads on the normalized embedding of CLIP."""

import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import pairgen
from pairgen.annotators._transformers.aesthetic_head import read_head
from pairgen.errors import ConfigError
from pairgen.jobs.replay.run import run_replay
from tests.annotated_sets import write_pictures
from tests.runs import samples
from tests.vision_models import write_clip, write_head

pytestmark = pytest.mark.usefixtures("one_thread")


class Published(nn.Module):
    """As improved-aesthetic-predictor defines it (simple_inference.py, MLP)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, 1024),
            nn.Dropout(0.2),
            nn.Linear(1024, 128),
            nn.Dropout(0.2),
            nn.Linear(128, 64),
            nn.Dropout(0.1),
            nn.Linear(64, 16),
            nn.Linear(16, 1),
        )


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip")


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "set")


def scores(parent: Path, clip: Path, head: Path) -> list[float]:
    pairgen.annotate(
        parent, add="aesthetic", model=clip, head=head, batch_size=4, executor="serial"
    )
    overlay = Path(f"{parent}.annotations/aesthetic")
    assert pairgen.verify(overlay).clean and not run_replay(overlay, "6").differences
    return [json.loads(each["json"])["aesthetic"] for each in samples(overlay)]


def embeddings(parent: Path, clip: Path) -> Tensor:
    """The normalized embeddings, as transformers computes them."""
    pictures = [Image.open(io.BytesIO(each["png"])) for each in samples(parent)]
    values = CLIPImageProcessorPil.from_pretrained(clip)(pictures, return_tensors="pt")
    with torch.no_grad():
        found = CLIPModel.from_pretrained(clip).eval().get_image_features(**values)
    found = found if isinstance(found, Tensor) else found.pooler_output
    return found / found.norm(dim=-1, keepdim=True)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_scores_are_those_of_the_published_head(clip, parent: Path, tmp_path, suffix) -> None:
    head = write_head(tmp_path / "head.pth")
    published = Published(12).eval()
    published.load_state_dict(torch.load(head, weights_only=True))
    if suffix == ".safetensors":
        head = tmp_path / "head.safetensors"
        save_file(published.state_dict(), head)
    found = scores(parent, clip, head)
    with torch.no_grad():
        expected = published.layers(embeddings(parent, clip))[:, 0]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    middle = sorted(found)[5]
    loader = pairgen.Loader(parent, fields=["png"], where=f"aesthetic > {middle}", batch_size=1)
    taken = sorted(int(batch.indices) for batch in loader)
    assert taken == [i for i, score in enumerate(found) if score > middle] and len(taken) == 4


def test_the_linear_head_is_one_layer(clip, parent: Path, tmp_path: Path) -> None:
    torch.manual_seed(3)
    linear = nn.Linear(12, 1)
    torch.save(linear.state_dict(), tmp_path / "sa_0_4.pth")
    with torch.no_grad():
        expected = linear(embeddings(parent, clip))[:, 0]
    np.testing.assert_allclose(scores(parent, clip, tmp_path / "sa_0_4.pth"), expected, atol=1e-5)


def test_the_head_may_move_but_not_change(clip, parent: Path, tmp_path: Path) -> None:
    head = write_head(tmp_path / "head.pth")
    scores(parent, clip, head)
    moved = Path(shutil.move(head, tmp_path / "moved.pth"))
    (manifest,) = pairgen.annotate(parent, add="aesthetic", head=moved)
    assert manifest.complete
    tensors = torch.load(moved, weights_only=True)
    torch.save(tensors | {"layers.7.bias": torch.ones(1)}, moved)
    with pytest.raises(ConfigError, match="head_sha256"):
        pairgen.annotate(parent, add="aesthetic", head=moved)


def test_reading_a_head_draws_nothing(tmp_path: Path) -> None:
    head = write_head(tmp_path / "head.pth")
    before = torch.get_rng_state()
    read_head(head, 12)
    assert torch.equal(torch.get_rng_state(), before)


def test_other_files_are_refused(clip, parent: Path, tmp_path: Path) -> None:
    tensors = torch.load(write_head(tmp_path / "head.pth"), weights_only=True)
    relu = {name.replace("layers.2", "layers.3"): each for name, each in tensors.items()}
    pickled = tmp_path / "code.pth"
    torch.save(Published(12), pickled)
    (tmp_path / "broken.safetensors").write_bytes(b"12345678")
    files = {
        "relu.pth": (relu, "not a known aesthetic predictor: it lacks layers.2.weight"),
        "extra.pth": (tensors | {"x": torch.ones(1)}, "aesthetic predictor: it has x"),
        "wide.pth": (
            {"weight": torch.ones(1, 768), "bias": torch.ones(1)},
            r"weight in .* must be \[1, 12\] for this CLIP, whose embeddings have 12 numbers, got "
            r"\[1, 768\]",
        ),
    }
    for name, (each, _) in files.items():
        torch.save(each, tmp_path / name)
    refused = {name: message for name, (_, message) in files.items()}
    refused |= dict.fromkeys(("code.pth", "broken.safetensors"), "not a file of tensors alone")
    refused |= {"none.pth": r"There is no file .*none\.pth", "head.bin": r"head must be a \.safet"}
    for name, message in refused.items():
        with pytest.raises(ConfigError, match=message):
            pairgen.annotate(parent, add="aesthetic", model=clip, head=tmp_path / name)
    with pytest.raises(ConfigError, match="head must name the weights of a predictor"):
        pairgen.annotate(parent, add="aesthetic", model=clip)
    assert not Path(f"{parent}.annotations").exists()
