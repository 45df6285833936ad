"""Prompts by a tagger: whose they are, what it looks at, what continues and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from transformers import CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import pairgen
from pairgen.config import command_options
from pairgen.errors import ConfigError, PlanMismatchError, UntrustedCodeError
from pairgen.jobs.restore.run import run_restore
from tests.jobs.restore.conftest import write_student
from tests.vision_models import write_blip, write_clip

pytestmark = pytest.mark.usefixtures("one_thread")
WORDS = ["dog", "grass", "red ball", "sky", "a", "x y", "sea"]
OWN = "tests.own_tagger"
# Of a picture of 6 x 9 px: at four times its size, two rows of three tiles.
TILES = {"tile": 8, "overlap": 2, "vae_tile": 8, "vae_overlap": 2}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip")


@pytest.fixture
def by_clip(tmp_path: Path, clip: Path) -> dict:
    (tmp_path / "words.txt").write_text("\n".join(WORDS))
    options = {"vocabulary": str(tmp_path / "words.txt"), "best": 2}
    return {"tagger": "tags", "tagger_model": str(clip), "tagger_options": options}


def picture(height: int = 6, width: int = 9, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def save(folder: Path, **pictures: np.ndarray) -> str:
    folder.mkdir(exist_ok=True)
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return str(folder)


def receipts(out: Path) -> dict[str, dict]:
    files = sorted((out / "__meta__/pictures").glob("*.json"))
    return {file.name.partition(".")[0]: json.loads(file.read_text()) for file in files}


def results(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.glob("*.png")}


def enlarged_levels(pixels: np.ndarray) -> np.ndarray:
    """Return the levels of a picture at four times its size, by torch alone."""
    values = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    larger = F.interpolate(values, scale_factor=4, mode="bicubic").clamp(0, 1)
    return (larger[0] * 255).round().permute(1, 2, 0).numpy().astype(np.uint8)


def nearest_words(clip: Path, pixels: np.ndarray) -> str:
    """Return the two words that CLIPModel's logits are largest for."""
    values = CLIPImageProcessorPil.from_pretrained(clip)(
        Image.fromarray(pixels), return_tensors="pt"
    )
    texts = CLIPTokenizer.from_pretrained(clip)(
        [f"a photo of a {word}" for word in WORDS],
        padding="max_length",
        max_length=24,
        truncation=True,
        return_tensors="pt",
    )
    with torch.no_grad():
        output = CLIPModel.from_pretrained(clip).eval()(**values, input_ids=texts.input_ids)
    return ", ".join(WORDS[i] for i in output.logits_per_image[0].topk(2).indices)


def test_clip_reads_the_picture_as_the_student_sees_it(student, clip, by_clip):
    pixels = picture()
    restorer = pairgen.Restorer(student, **TILES, **by_clip)
    made = restorer.restore(pixels)
    expected = nearest_words(clip, enlarged_levels(pixels))
    assert made.prompts.texts == (expected,) and not made.prompts.untagged
    plain = pairgen.Restorer(student, **TILES)
    assert np.array_equal(made.pixels, plain(pixels, expected))
    assert not np.array_equal(made.pixels, plain(pixels))
    # A prompt of the call's own goes before the tagger's.
    assert np.array_equal(restorer(pixels, ""), plain(pixels, ""))


def test_each_tile_has_the_words_of_what_it_shows(student, clip, by_clip):
    pixels = picture()
    restorer = pairgen.Restorer(student, **TILES, **by_clip, tag_each="tile")
    made = restorer.restore(pixels)
    larger = enlarged_levels(pixels)
    # Tiles of 8 latents, 2 px each; the last ones end where the picture does.
    rows, columns = (0, 8), (0, 12, 20)
    expected = [nearest_words(clip, larger[y : y + 16, x : x + 16]) for y in rows for x in columns]
    assert list(made.prompts.texts) == expected and len({*expected}) > 1
    plain = pairgen.Restorer(student, **TILES)
    assert all(not np.array_equal(made.pixels, plain(pixels, each)) for each in {*expected})


def test_tiles_of_one_prompt_are_those_of_the_whole_picture(student):
    given = {"tagger": OWN, **TILES}
    pixels = np.full((6, 9, 3), 77, np.uint8)
    tiled = pairgen.Restorer(student, **given, tag_each="tile").restore(pixels)
    assert tiled.prompts.texts == ("bright 77",) * 6
    assert np.array_equal(tiled.pixels, pairgen.Restorer(student, **given)(pixels))


def test_a_captioner_is_a_tagger_too(student, tmp_path):
    blip = write_blip(tmp_path / "blip")
    options = {"max_tokens": 4, "prompt": "a"}
    made = pairgen.Restorer(
        student, tagger="caption", tagger_model=blip, tagger_options=options, **TILES
    ).restore(picture())
    (said,) = made.prompts.texts
    assert said.startswith("a") and len(said) > 1


def test_receipts_tell_the_prompts_and_a_run_goes_on(student, tmp_path, by_clip, monkeypatch):
    images, out = save(tmp_path / "in", a=picture(), b=picture(seed=1)), tmp_path / "out"
    given = {"model": str(student), "images": images, "out": str(out), **TILES, **by_clip}
    pairgen.restore(**given)
    told = receipts(out)
    of_array = pairgen.Restorer(student, **TILES, **by_clip).restore(picture())
    assert told["a"]["prompt"] == of_array.prompts.texts[0]
    before = results(out)
    # The words may move, and the folder of the tagger too; what stands is not tagged again.
    words = Path(by_clip["tagger_options"]["vocabulary"])
    moved = words.rename(tmp_path / "moved.txt")
    monkeypatch.chdir(tmp_path)
    Path("copy").symlink_to(by_clip["tagger_model"])
    asked = {
        **given,
        "tagger_model": "copy",
        "tagger_options": {"vocabulary": "moved.txt", "best": 2},
    }
    save(tmp_path / "in", b=picture(seed=2))
    done = pairgen.restore(**asked)
    assert (done.num_before, done.num_made) == (1, 1)
    assert results(out)["a.png"] == before["a.png"] and results(out)["b.png"] != before["b.png"]
    for options, reason in (
        ({"tagger_options": {"vocabulary": "moved.txt", "best": 3}}, "another tagger"),
        ({"tag_each": "tile"}, "another tagger"),
        ({"tagger": OWN, "tagger_model": "", "tagger_options": {}}, "another tagger"),
        ({"tagger": "", "tagger_model": "", "tagger_options": {}}, "no tagger"),
    ):
        with pytest.raises(
            PlanMismatchError, match=f"now you ask for: {reason}. Give another --out"
        ):
            pairgen.restore(**{**asked, **options})
    moved.write_text("other\nwords\n")
    with pytest.raises(PlanMismatchError, match="another tagger"):
        pairgen.restore(**asked)


def test_what_has_no_tags_gets_the_students_prompt_and_is_told(tmp_path, sd15_folder):
    student = write_student(tmp_path / "fixed", sd15_folder, prompt="sharp")
    half = np.zeros((4, 8, 3), np.uint8)
    half[:, :4] = 40
    images = save(tmp_path / "in", black=np.zeros((4, 4, 3), np.uint8), half=half)
    given = {"model": str(student), "images": images, "tagger": OWN, "vae_tile": 0}
    given |= {"tile": 8, "overlap": 0, "tag_each": "tile", "out": str(tmp_path / "out")}
    said: list[str] = []
    run_restore(given, said.append)
    assert receipts(tmp_path / "out")["black"]["prompt"] == "sharp"
    assert receipts(tmp_path / "out")["half"]["prompt"] == ["bright 40", "sharp"]
    assert said[-1] == (
        "No tags for 2 pictures or tiles of them, which have the student's prompt; the first "
        "black.png: it is dark."
    )


def test_no_prompt_is_a_prompt(tmp_path, sd15_folder):
    student = write_student(tmp_path / "fixed", sd15_folder, prompt="sharp")
    given = {"model": str(student), "images": save(tmp_path / "in", a=picture()), **TILES}
    pairgen.restore(**given, out=str(tmp_path / "own"))
    pairgen.restore(**given, prompt="", out=str(tmp_path / "none"))
    prompts = [receipts(tmp_path / name)["a"]["prompt"] for name in ("own", "none")]
    assert prompts == ["sharp", ""] and results(tmp_path / "own") != results(tmp_path / "none")
    with pytest.raises(PlanMismatchError, match="no_prompt True"):
        pairgen.restore(**given, prompt="", out=str(tmp_path / "own"))
    # Folders of before there were taggers go on: their record has these names.
    record = json.loads((tmp_path / "own/__meta__/restore.json").read_text())["identity"]
    kept = "color_fix dtype format model overlap prompt scale seed tile vae_overlap vae_tile"
    assert record["prompt"] == "" and sorted(record) == kept.split()


def test_what_cannot_be_together_is_refused(student, tmp_path, by_clip, clip):
    (tmp_path / "t.csv").write_text("image,tags\na.png,dog\n")
    given = {"model": str(student), "images": save(tmp_path / "in", a=picture()), **TILES}
    for options, message in (
        ({**by_clip, "prompt": ""}, "Give prompt or tagger, not both: got '' and 'tags'"),
        ({**by_clip, "captions": "t.csv"}, "Give captions or tagger, not both"),
        ({"tagger_model": str(clip)}, "tagger_model is for a tagger: give tagger too"),
        ({"tag_each": "tile"}, "tag_each is for a tagger"),
        ({"tagger": "words/tags.csv"}, "got 'words/tags.csv': give a table as captions"),
        ({**by_clip, "tag_each": "tile", "tile": 0}, "tag_each=tile needs tiles, but tile is 0"),
        ({"tagger": "tagz"}, "There is no annotator 'tagz'"),
        ({"tagger": "tags"}, r"The tagger tags \(--tagger-model, --set .*one source: .* got none"),
        ({**by_clip, "tagger_model": ""}, "model must be a clip of transformers, .*, got none"),
        ({**by_clip, "tagger_options": {"vocabulry": "x"}}, "did you mean 'vocabulary'"),
        (
            {"tagger": "tags", "tagger_options": {"table": str(tmp_path / "t.csv")}},
            "tagger must look at a picture .* reads json and adds tag.txt: give .* by captions",
        ),
        ({"tagger": "sharpness"}, "sharpness with its tagger_options reads png and adds no member"),
        ({"tagger": "latent", "tagger_model": "tiny"}, "The tagger latent .*got 1 x 1 px"),
        ({"tagger": OWN, "tagger_options": {"member": "x.npy"}}, "reads png and adds x.npy"),
    ):
        with pytest.raises(ConfigError, match=message):
            pairgen.restore(**{**given, **options}, out=str(tmp_path / "out"))
        assert not (tmp_path / "out").exists()


def test_a_module_that_the_user_did_not_name_is_no_tagger(student, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "in", a=picture())
    Path("pairgen.yaml").write_text(f"restore: {{tagger: {OWN}}}\n")
    typed = {"model": str(student), "images": "in", "out": "out"}
    with pytest.raises(UntrustedCodeError, match=OWN):
        run_restore(command_options("restore", None, (), typed))
    named = ("tagger_options.word=light",)
    run_restore(command_options("restore", None, named, {**typed, "tagger": OWN}))
    assert receipts(tmp_path / "out")["a"]["prompt"].startswith("light ")


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
def test_workers_of_ray_tag_alike(student, tmp_path, by_clip, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures = {name: picture(seed=number) for number, name in enumerate("abcd")}
    Path("clip").symlink_to(by_clip["tagger_model"])
    given = {
        "model": str(student),
        "images": save(tmp_path / "in", **pictures),
        **TILES,
        **by_clip,
        "tagger_model": "clip",
        "tag_each": "tile",
    }
    pairgen.restore(**given, out=str(tmp_path / "ray"), executor="ray", num_workers=2)
    pairgen.restore(**given, out=str(tmp_path / "serial"), executor="serial")
    assert results(tmp_path / "ray") == results(tmp_path / "serial")
    ray, serial = (receipts(tmp_path / name) for name in ("ray", "serial"))
    assert [each["prompt"] for each in ray.values()] == [each["prompt"] for each in serial.values()]
