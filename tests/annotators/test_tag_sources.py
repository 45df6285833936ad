"""Tags of a vocabulary, as zero-shot CLIP ranks it, and tags of captions; one source at a time."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import pairgen
from pairgen.annotators._tags.vocabulary import read_words
from pairgen.errors import ConfigError
from pairgen.jobs.replay.run import run_replay
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Sample
from tests.annotated_sets import failed, picture_plan, write_pictures
from tests.runs import samples, shas
from tests.small_sets import write_shard
from tests.vision_models import write_clip

pytestmark = pytest.mark.usefixtures("one_thread")
WORDS = ["dog", "grass", "red ball", "sky", "a", "x y", "sea"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip")


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "set")


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(["\ufeffdog", "", *WORDS[1:], " red  ball", "dog"]) + "\n")
    return path


def tags(folder: Path) -> list[str]:
    return [each["tag.txt"].decode() for each in samples(folder)]


def cosines(parent: Path, clip: Path, member: str, template: str) -> torch.Tensor:
    """What CLIPModel's logits are made of, [samples, words]."""
    pictures = [Image.open(io.BytesIO(each[member])) for each in samples(parent)]
    values = CLIPImageProcessorPil.from_pretrained(clip)(pictures, return_tensors="pt")
    texts = CLIPTokenizer.from_pretrained(clip)(
        [template.replace("{}", word) for word in WORDS],
        padding="max_length",
        max_length=24,
        truncation=True,
        return_tensors="pt",
    )
    network = CLIPModel.from_pretrained(clip).eval()
    with torch.no_grad():
        output = network(**values, input_ids=texts.input_ids)
        return output.logits_per_image / network.logit_scale.exp()


def test_a_vocabulary_holds_each_line_once(words: Path) -> None:
    assert read_words(words) == WORDS


@pytest.mark.parametrize(
    ("options", "member"),
    [({}, "png"), ({"of": "lr4", "best": 3, "template": "{}", "above": -0.2}, "lr4.png")],
)
def test_tags_are_the_nearest_words(clip, parent: Path, words: Path, options, member) -> None:
    given = {"add": "tags", "model": clip, "vocabulary": words, "batch_size": 4, **options}
    pairgen.annotate(parent, **given, executor="serial")
    overlay = Path(f"{parent}.annotations/tags")
    assert pairgen.verify(overlay).clean
    expected = cosines(parent, clip, member, options.get("template", "a photo of a {}"))
    chosen = []
    for each in expected:
        order = sorted(range(len(WORDS)), key=lambda i: -float(each[i]))[: options.get("best", 10)]
        chosen.append([WORDS[i] for i in order if each[i] >= options.get("above", -1)])
    assert tags(overlay) == [", ".join(each) for each in chosen if each]
    assert len(set(tags(overlay))) > 1
    planned = read_plan(LocalStore(overlay)).recipe["options"]
    assert planned["of"] == options.get("of", "hr") and "vocabulary" not in planned
    replayed = next(i for i, each in enumerate(chosen) if each)
    assert not run_replay(overlay, str(replayed)).differences
    again = Path(f"{parent}.again")
    pairgen.annotate(parent, **given, out=again, executor="serial")
    assert shas(again) == shas(overlay)


def test_an_image_that_no_word_is_near_to_has_no_tags(clip, parent: Path, words: Path) -> None:
    given = {"model": clip, "vocabulary": words, "above": 0.999, "executor": "serial"}
    pairgen.annotate(parent, add="tags", **given)
    reason = "no word of the vocabulary has a cosine of 0.999 or more"
    assert failed(Path(f"{parent}.annotations/tags")) == dict.fromkeys(range(10), reason)


def test_the_vocabulary_may_move_but_not_change(clip, parent: Path, words: Path) -> None:
    given = {"model": clip, "vocabulary": words, "executor": "serial"}
    pairgen.annotate(parent, add="tags", **given)
    moved = words.rename(words.parent / "moved.txt")
    (manifest,) = pairgen.annotate(parent, add="tags", vocabulary=moved)
    assert manifest.complete
    moved.write_text("cat\n")
    with pytest.raises(ConfigError, match="vocabulary_sha256"):
        pairgen.annotate(parent, add="tags", vocabulary=moved)


def test_captions_become_tags_and_empty_ones_do_not(tmp_path: Path) -> None:
    parent = tmp_path / "set"
    plan = replace(picture_plan(3), members={"json": {"keys": ["index", "seed"]}, "txt": {}})
    store = LocalStore(parent)
    texts = {0: "a dog ", 1: " ", 2: "a cat"}
    made = [
        Sample(index=i, fields={"txt": text}, facts={"index": i, "seed": 5})
        for i, text in texts.items()
    ]
    write_plan(store, plan)
    write_shard(store, plan.tasks()[0], made)
    pairgen.annotate(parent, add="tags", captions=True, executor="serial")
    overlay = Path(f"{parent}.annotations/tags")
    assert tags(overlay) == ["a dog", "a cat"]
    assert failed(overlay) == {1: "the caption is empty"}
    assert read_plan(LocalStore(overlay)).recipe["options"] == {"captions": True}


def test_tags_of_a_table_keep_the_identity_that_they_had(parent: Path, tmp_path: Path) -> None:
    table = tmp_path / "tags.csv"
    table.write_text("key,tags\n" + "".join(f"{i},tag {i}\n" for i in range(10)))
    pairgen.annotate(parent, add="tags", table=table, executor="serial")
    recipe = read_plan(LocalStore(Path(f"{parent}.annotations/tags"))).recipe
    assert recipe["options"] == {"column": ""} and set(recipe["identity"]) == {"table_sha256"}


def test_one_source_is_given_with_its_own_options(clip, parent: Path, words: Path) -> None:
    empty = words.parent / "empty.txt"
    empty.write_text("\n \n")
    zero_shot = {"vocabulary": words, "model": clip}
    for options, message in (
        ({}, r"tags must have one source: table=FILE, .* got none"),
        (
            {"captions": True, "vocabulary": words},
            r"one source: .* got vocabulary and captions",
        ),
        ({"captions": True, "best": 3}, "best is for tags of a vocabulary, but they come from cap"),
        ({**zero_shot, "column": "x"}, "column is for tags of a table, but they come from vocab"),
        ({**zero_shot, "of": "lr8"}, r"no image 'lr8.png'.*its images are lr2.png, lr4.png, png"),
        ({**zero_shot, "of": ""}, "of must not be empty: hr, or a level such as lr4"),
        ({**zero_shot, "template": "a photo"}, "template must hold {} once"),
        ({"vocabulary": words}, "model must be a clip of transformers, .*, got none"),
        ({**zero_shot, "vocabulary": "no.txt"}, r"vocabulary .*no\.txt cannot be read: No such"),
        ({**zero_shot, "vocabulary": empty}, r"empty\.txt holds no words: write one a line"),
    ):
        with pytest.raises(ConfigError, match=message):
            pairgen.annotate(parent, add="tags", **options)
    assert not Path(f"{parent}.annotations").exists()


def test_a_set_without_captions_says_what_else_there_is(tmp_path: Path) -> None:
    parent = tmp_path / "sr"
    pairgen.degrade(out=parent, crop=32, scales=4, executor="serial")
    with pytest.raises(ConfigError, match=r"has no txt: give tags by table .* --add caption --set"):
        pairgen.annotate(parent, add="tags", captions=True)
