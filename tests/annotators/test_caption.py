"""caption: what the models' own `generate` says, of every image alone."""

import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import BertTokenizer, BlipForConditionalGeneration, GitForCausalLM
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import pairgen
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.jobs.replay.run import run_replay
from tests.annotated_sets import failed, write_pictures
from tests.runs import samples
from tests.vision_models import write_blip, write_git

pytestmark = pytest.mark.usefixtures("one_thread")
MODELS = {
    "blip": (write_blip, BlipForConditionalGeneration, BlipImageProcessorPil),
    "git": (write_git, GitForCausalLM, CLIPImageProcessorPil),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("captioners")
    return {name: write(root / name) for name, (write, *_) in MODELS.items()}


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "set")


def captioned(parent: Path, model: Path, name: str, **options: object) -> dict[int, str]:
    pairgen.annotate(
        parent, add="caption", model=str(model), batch_size=4, executor="serial", **options
    )
    overlay = Path(f"{parent}.annotations/caption")
    assert pairgen.verify(overlay).clean
    found = {json.loads(each["json"])["index"]: each[name].decode() for each in samples(overlay)}
    for index in list(found)[-1:]:
        assert not run_replay(overlay, str(index)).differences
    return found


@pytest.mark.parametrize("name", ["blip", "git"])
@pytest.mark.parametrize(
    "options",
    [{}, {"prompt": "ab c", "max_tokens": 9}, {"prompt": "a", "beams": 3, "max_tokens": 7}],
)
def test_a_caption_is_what_the_model_generates(folders, parent: Path, name, options) -> None:
    found = captioned(parent, folders[name], "caption.txt", **options)
    _, network, processor = MODELS[name]
    model = network.from_pretrained(folders[name]).eval()
    processor = processor.from_pretrained(folders[name])
    tokenizer = BertTokenizer.from_pretrained(folders[name])
    asked = {"do_sample": False, "num_beams": options.get("beams", 1)}
    asked |= {"max_new_tokens": options.get("max_tokens", 30)}
    for index, sample in enumerate(samples(parent)):
        inputs = processor(Image.open(io.BytesIO(sample["png"])), return_tensors="pt")
        if prompt := options.get("prompt"):
            # As the documentation of each model does it.
            if name == "blip":
                inputs |= tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)
            else:
                ids = tokenizer(prompt, add_special_tokens=False).input_ids
                inputs["input_ids"] = torch.tensor([[tokenizer.cls_token_id, *ids]])
        with torch.no_grad():
            (expected,) = model.generate(**inputs, **asked)
        text = tokenizer.decode(expected, skip_special_tokens=True)
        if index in found:
            assert found[index] == " ".join(text.split())
            assert found[index].startswith(options.get("prompt", ""))
        else:
            assert not text.strip()
    assert len(set(found.values())) > 3


def test_it_is_the_txt_of_a_set_that_has_none(folders, tmp_path: Path) -> None:
    parent = tmp_path / "set"
    pairgen.degrade(out=parent, crop=32, scales=4, executor="serial")
    members = set(samples(parent)[0])
    assert "txt" not in members
    found = captioned(parent, folders["git"], "txt", image="lr4.png")
    loader = pairgen.Loader(parent, fields=["png", "txt"], batch_size=1)
    assert {int(batch.indices): batch.texts["txt"][0] for batch in loader} == found


def test_it_can_be_the_tags(folders, parent: Path) -> None:
    found = captioned(parent, folders["git"], "tag.txt", member="tag.txt", max_tokens=3)
    assert all(len(text.split()) <= 3 for text in found.values())


def test_an_empty_caption_is_no_caption(tmp_path: Path) -> None:
    parent, folder = write_pictures(tmp_path / "set"), write_git(tmp_path / "git")
    silent = GitForCausalLM.from_pretrained(folder)
    with torch.no_grad():
        silent.output.bias[3] = 1e6
    silent.save_pretrained(folder)
    assert captioned(parent, folder, "caption.txt") == {}
    overlay = Path(f"{parent}.annotations/caption")
    assert failed(overlay) == dict.fromkeys(range(10), "the caption is empty")


def test_wrong_models_and_members_are_refused(folders, parent: Path, tmp_path: Path) -> None:
    for options, message in (
        ({}, "model must be a blip or git of transformers, such as Salesforce/.*, got none"),
        ({"model": str(folders["git"]), "member": "txt"}, "has a member 'txt' already"),
        ({"model": str(folders["git"]), "member": "x"}, "member must be one of txt, caption.txt"),
        (
            {"model": str(folders["blip"]), "prompt": "a b", "max_tokens": 509},
            "max_tokens must be at most 508 after this prompt, since blip knows 512 positions",
        ),
        ({"model": str(folders["git"]), "beams": 0}, "beams must be an integer in 1..64, got 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            pairgen.annotate(parent, add="caption", **options)
    folder = write_git(tmp_path / "git")
    path = folder / "config.json"
    config = json.loads(path.read_text())
    for change, message in (
        ({"architectures": ["BlipForQuestionAnswering"]}, "must be a GitForCausalLM, got git, a B"),
        ({"num_image_with_embedding": 6}, "must caption images, got git, which takes videos"),
    ):
        path.write_text(json.dumps(config | change))
        with pytest.raises(ConfigError, match=message):
            pairgen.annotate(parent, add="caption", model=str(folder))
    path.write_text(json.dumps(config))
    (folder / "vocab.txt").unlink()
    with pytest.raises(TeacherLoadError, match=r"git lacks vocab\.txt"):
        pairgen.annotate(parent, add="caption", model=str(folder))
    assert not Path(f"{parent}.annotations").exists()
