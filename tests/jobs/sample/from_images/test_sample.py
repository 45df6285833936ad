"""`pairgen.sample` from pictures: the images that `eval` judges, with their facts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pairgen
from pairgen.drawing.sample_grid import rows_with_conditions
from pairgen.errors import ConfigError
from pairgen.jobs.sample.run import run_sample
from pairgen.kinds.image_model import load_image_model, recipe_of
from pairgen.kinds.image_pairs import read_image_pairs
from pairgen.kinds.image_pictures import student_pictures
from pairgen.model_config import find_model
from pairgen.shards.loading.training_set import TrainingSet, open_set
from tests.jobs.sample.test_sample import facts_of

CPU = torch.device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")


def judged(model: Path, pairs: Path, num: int) -> np.ndarray:
    """Return what `eval` judges: the images of the first pairs."""
    found = find_model(str(model))
    recipe = recipe_of(found)
    opened = open_set(TrainingSet(str(pairs)), None, False, recipe.members)
    read = read_image_pairs(opened, recipe, num)
    loaded, teacher = load_image_model(found, torch.float32, CPU)
    indices = [int(key) for key in read.keys]
    return np.concatenate(
        list(student_pictures(loaded, teacher, read.given, read.prompts, 7, indices, 4))
    )


def pictures_in(folder: Path) -> np.ndarray:
    return np.stack([np.asarray(Image.open(path)) for path in sorted(folder.iterdir())])


@pytest.mark.parametrize("name", ["edges", "painter", "larger"])
def test_a_dataset_gives_its_own_member_and_the_images_that_eval_judges(
    name, models, pairs, tmp_path
):
    made = pairgen.sample(
        model=models / name, condition=pairs, limit=6, seed=7, out=tmp_path / "grid.png"
    )
    assert made.pictures.shape[0] == 6 and made.guidance_scales == (1.0,) * 6
    assert np.array_equal(made.pictures, judged(models / name, pairs, 6))
    facts = facts_of(tmp_path / "grid.png")
    source = {"edges": "canny.png", "painter": "png", "larger": "lr4.png"}[name]
    assert [each["condition"] for each in facts["pictures"]] == [
        f"{key:09}.{source}" for key in range(6)
    ]


def test_files_give_the_same_images_as_the_set_that_holds_them(models, pairs, files, tmp_path):
    options = {"model": models / "edges", "limit": 4, "prompts": "a red heart"}
    of_set = pairgen.sample(**options, condition=pairs, out=tmp_path / "a.png")
    of_files = pairgen.sample(**options, condition=files / "edges", out=tmp_path / "b.png")
    assert np.array_equal(of_files.pictures, of_set.pictures)
    assert of_files.prompts == ("a red heart",) * 4
    # Gray and RGB beside each other, and other batches: but for rounding.
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number in range(4):
        with Image.open(files / f"edges/{number:02}.png") as image:
            image.convert("RGB" if number % 2 else "L").save(folder / f"{number}.png")
    mixed = pairgen.sample(**options, condition=folder, batch_size=3, out=tmp_path / "c.png")
    difference = np.abs(mixed.pictures.astype(int) - of_set.pictures)
    assert difference.max() <= 1 and len(np.unique(of_set.pictures)) > 100


@pytest.mark.parametrize("levels", [np.uint8(1), np.uint8(127), np.uint16(255)])
def test_a_mask_that_marks_nothing_is_refused(models, files, tmp_path, levels):
    (tmp_path / "masks").mkdir()
    mask = np.zeros((32, 32), levels.dtype)
    mask[8:24, 8:24] = levels
    Image.fromarray(mask).save(tmp_path / "masks/00.png")
    given = {"condition": str(files / "pictures/00.png"), "masks": str(tmp_path / "masks")}
    with pytest.raises(
        ConfigError, match=r"The mask 00\.png marks nothing: what is brighter than 127"
    ):
        pairgen.sample(model=models / "painter", **given, out=tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_known_pixels_keep_their_bytes(models, files, tmp_path):
    made = pairgen.sample(
        model=models / "painter",
        condition=files / "pictures",
        masks=files / "masks",
        num_per_prompt=2,
        out=tmp_path / "grid.png",
    )
    pictures, masks = pictures_in(files / "pictures"), pictures_in(files / "masks")
    made_of = made.pictures.reshape(2, *pictures.shape)
    known = masks < 128
    assert 0 < known.mean() < 1
    for noise in made_of:
        assert np.array_equal(noise[known], pictures[known])
        assert np.abs(noise[~known].astype(int) - pictures[~known]).mean() > 10
    assert not np.array_equal(made_of[0], made_of[1])
    # A mask of no picture, and a picture of which nothing is painted.
    few, blank = tmp_path / "few", tmp_path / "blank"
    few.mkdir()
    blank.mkdir()
    Image.fromarray(pictures[1]).save(few / "01.png")
    for name in ("01.png", "07.png"):
        Image.new("L", (32, 32)).save(blank / name)
    said: list[str] = []
    given = {"model": str(models / "painter"), "condition": str(few), "masks": str(blank)}
    untouched = run_sample({**given, "out": str(tmp_path / "x.png")}, said.append)
    assert np.array_equal(untouched.pictures[0], pictures[1])
    assert "1 mask belongs to no condition, the first 07.png." in said
    # What is hidden has no effect.
    other = tmp_path / "other"
    other.mkdir()
    for number, (picture, mask) in enumerate(zip(pictures, masks, strict=True)):
        changed = np.where((mask > 127)[..., None], 255 - picture, picture)
        Image.fromarray(changed).save(other / f"{number:02}.png")
    again = pairgen.sample(
        model=models / "painter", condition=other, masks=files / "masks", out=tmp_path / "again.png"
    )
    assert np.array_equal(again.pictures, made_of[0])


def test_noises_and_scales_are_numbered_like_the_samples_of_a_dataset(models, files, tmp_path):
    options = {"model": models / "edges", "condition": files / "edges", "limit": 3, "seed": 3}
    made = pairgen.sample(**options, num_per_prompt=2, cfg=(1, 4), out=tmp_path / "grid.png")
    assert made.pictures.shape[0] == 12 and made.guidance_scales == (1.0, 4.0) * 6
    by_noise = made.pictures.reshape(2, 3, 2, 32, 32, 3)
    alone = pairgen.sample(**options, cfg=4, out=tmp_path / "alone.png")
    assert np.abs(alone.pictures.astype(int) - by_noise[0, :, 1]).max() <= 1
    assert len({picture.tobytes() for picture in made.pictures}) == 12
    facts = facts_of(tmp_path / "grid.png")["pictures"]
    assert [each["index"] for each in facts] == list(range(12))
    assert [each["pair_index"] for each in facts] == [i // 2 for i in range(12)]
    assert [each["condition"] for each in facts] == [f"0{i // 2 % 3}.png" for i in range(12)]


def test_a_folder_holds_every_image_and_its_facts_make_it_again(models, files, tmp_path):
    out = tmp_path / "made"
    options = {
        "model": models / "edges",
        "condition": files / "edges",
        "limit": 2,
        "steps": 1,
        "num_per_prompt": 2,
    }
    made = pairgen.sample(**options, out=f"{out}/")
    names = [f"{number:09}.png" for number in range(4)]
    assert sorted(path.name for path in out.iterdir()) == [*names, "grid.png", "samples.json"]
    for name, picture in zip(names, made.pictures, strict=True):
        assert np.array_equal(np.asarray(Image.open(out / name)), picture)
    facts = json.loads((out / "samples.json").read_text())
    assert facts["options"]["steps"] == 1 and facts["options"]["cfg"] == [1.0]
    assert facts["model"]["recipe"]["source"] == "canny.png"
    assert facts["model"]["identity"]["branch"].keys() == {"weights_sha256"}
    again = pairgen.sample(**facts["options"], out=tmp_path / "again.png")
    assert np.array_equal(again.pictures, made.pictures)
    fewer = pairgen.sample(**{**facts["options"], "num_per_prompt": 1}, out=out)
    assert sorted(path.name for path in out.iterdir()) == [*names[:2], "grid.png", "samples.json"]
    assert np.array_equal(fewer.pictures, made.pictures[:2])


def test_a_grid_shows_each_condition_before_its_images():
    # Two conditions, two noises, two scales: images 0..7, conditions 8 and 9.
    assert rows_with_conditions(2, 2, 2, 0) == [[8, 0, 1, 4, 5], [9, 2, 3, 6, 7]]
    assert rows_with_conditions(2, 2, 2, 4) == [[8, 0, 1, 4], [5, 9, 2, 3], [6, 7]]
    # One image each: several pairs in a row.
    assert rows_with_conditions(5, 1, 1, 0) == [[5, 0, 6, 1, 7, 2, 8, 3], [9, 4]]
    assert all(len(row) % 2 == 0 for row in rows_with_conditions(61, 1, 1, 0))


def test_a_grid_shows_conditions_as_they_are(models, files, tmp_path):
    made = pairgen.sample(
        model=models / "larger",
        condition=files / "small",
        limit=1,
        captions=False,
        out=tmp_path / "grid.png",
    )
    assert made.pictures.shape == (1, 32, 32, 3)
    grid = np.asarray(Image.open(tmp_path / "grid.png"))
    small = np.asarray(Image.open(files / "small/00.png"))
    # Four times as large in the grid's 32 px, which are shown as 128.
    shown = grid[10:138, 10:138]
    assert np.array_equal(shown[8::16, 8::16], small)


def test_prompts_are_one_text_a_tables_the_pictures_own_or_the_models(models, files, tmp_path):
    folder = tmp_path / "edges"
    folder.mkdir()
    for name in ("00.png", "01.png", "02.png"):
        (folder / name).write_bytes((files / "edges" / name).read_bytes())
    (folder / "01.txt").write_text("a blue book")
    table = tmp_path / "prompts.csv"
    table.write_text("file_name,caption\n02.png,a red heart\n09.png,nobody\n")
    said: list[str] = []

    def prompts(**options) -> tuple[str, ...]:
        given = {"model": str(models / "edges"), "condition": str(folder), "steps": 1}
        return run_sample({**given, "out": str(tmp_path / "x.png"), **options}, said.append).prompts

    assert prompts() == ("a cat", "a blue book", "a cat")
    assert prompts(prompts="a dog") == ("a dog",) * 3
    assert prompts(prompts=str(table)) == ("a cat", "a cat", "a red heart")
    assert f"1 row of {table} without a condition." in said
    assert prompts(prompts="word " * 40) == ("word " * 40,) * 3
    assert "1 of 1 prompts cut to the model's token limit." in said


def test_what_cannot_be_used_is_named_and_the_rest_is_made(models, files, tmp_path):
    folder = tmp_path / "edges"
    folder.mkdir()
    (folder / "good.png").write_bytes((files / "edges/00.png").read_bytes())
    (folder / "broken.png").write_bytes(b"no picture")
    Image.new("L", (33, 32)).save(folder / "odd.png")
    said: list[str] = []
    given = {"model": str(models / "edges"), "condition": str(folder), "steps": 1}
    made = run_sample({**given, "out": str(tmp_path / "x.png")}, said.append)
    assert len(made.pictures) == 1 and made.num_rejected == 2 and made.too_many_rejected
    assert said[0].endswith("conditions 1 x noises 1 x guidance scales 1; 2 refused.")
    assert said[1].startswith("Refused: broken.png: no JPEG, PNG")
    assert said[2] == (
        "Refused: odd.png: 33 x 32 px, but both must be multiples of 2: crop or resize it."
    )
