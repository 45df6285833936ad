"""What `pairgen sample` refuses of pictures: one sentence, exit code 2, nothing written."""

import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from pairgen.cli import main


@pytest.fixture
def sample(models: Path, files: Path, pairs: Path, tmp_path: Path, monkeypatch, capsys):
    """Run the command; `{models}` and the like stand for folders. Return code and stderr."""
    desk = tmp_path / "desk"
    desk.mkdir()
    monkeypatch.chdir(desk)
    (tmp_path / "sizes").mkdir()
    for number, side in enumerate((32, 16)):
        Image.new("L", (side, side)).save(tmp_path / f"sizes/{number}.png")
    (tmp_path / "twice").mkdir()
    for name in ("00.png", "00.webp"):
        Image.new("L", (32, 32)).save(tmp_path / "twice" / name)
    (tmp_path / "odd").mkdir()
    Image.new("L", (15, 15)).save(tmp_path / "odd/a.png")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/00.png").write_bytes(b"nothing")
    (tmp_path / "p.csv").write_text("key,caption\n00,a cat\n")
    places = {"m": models, "f": files, "set": pairs, "t": tmp_path}

    def call(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        given = [each.format(**places) for each in arguments]
        monkeypatch.setattr(sys, "argv", ["pairgen", "sample", *given])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code or 0, capsys.readouterr().err

    return call


EDGES = ("--model={m}/edges", "--condition={f}/edges")
PAINTER = ("--model={m}/painter", "--condition={f}/pictures")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model={m}/edges"], "condition must be given, such as pictures/: edges makes images"),
        (["--model=tiny", "--condition={f}/edges"], "condition must be left out: tiny makes"),
        (["--model=tiny", "--masks={f}/masks"], "masks must be left out: tiny makes images from"),
        ([*EDGES, "--masks={f}/masks"], "masks must be left out: edges paints no part"),
        ([*EDGES, "--shuffle"], "shuffle must be left out: edges makes images from pictures"),
        ([*EDGES, "--revision=main"], "revision must be left out: edges makes images from"),
        ([*EDGES, "--prompts=a", "--prompts=b"], "one text for all conditions, or a table, got 2"),
        ([*EDGES, "--prompts={f}/edges/00.png"], "prompts must be one text for all conditions"),
        ([*EDGES, "--prompts={f}"], "got '{f}', which is a file or folder"),
        ([*EDGES, "--prompts=s3://b/p.csv?t=SECRET"], "got 's3://b/p.csv?***', which is a URL"),
        ([*EDGES, "--column=text"], "column is for a table of prompts, got 'text' without one"),
        ([*EDGES, "--prompts=absent.csv"], "absent.csv"),
        ([*EDGES, "--out=grid.jpg"], "out must be a .png file, or a folder"),
        ([*EDGES, "--num-per-prompt=999"], "at most 4,096 images, not 9,990"),
        ([*EDGES, "--steps=1001"], "steps must be an integer in 1..1,000, got 1001"),
        ([*EDGES, "--spacing=1,2,3"], "spacing"),
        (["--model={m}/edges", "--condition=absent/"], "absent"),
        (["--model={m}/edges", "--condition={t}/sizes"], "0.png has 32 x 32 px, 1.png 16 x 16"),
        (["--model={m}/edges", "--condition={t}/odd"], "1 refused; the first was a.png: 15 x 15"),
        (
            ["--model={m}/edges", "--condition={set}", "--prompts={t}/p.csv"],
            "prompts must be one text for the conditions of a dataset",
        ),
        ([*PAINTER], "00.png has no mask: give one of the same name, such as 00.png, with --masks"),
        ([*PAINTER, "--masks={t}/odd"], "00.png has no mask"),
        ([*PAINTER, "--masks={t}/twice"], "masks holds two of the name 00: rename one"),
        ([*PAINTER, "--masks={t}/broken"], "The mask 00.png cannot be read: no JPEG"),
        (
            ["--model={m}/painter", "--condition={t}/sizes/1.png", "--masks={f}/masks/01.png"],
            "1.png has no mask: give one of the same name, such as 1.png",
        ),
    ],
)
def test_wrong_input_is_one_sentence_with_exit_code_2_and_nothing_written(
    arguments, message, sample, files, tmp_path
):
    code, err = sample(*arguments)
    assert code == 2, err
    assert message.replace("{f}", str(files)) in err and "Traceback" not in err
    assert list((tmp_path / "desk").iterdir()) == []


def test_a_refused_picture_ends_in_exit_code_3_unless_it_is_allowed(sample, files, tmp_path):
    mixed = tmp_path / "mixed"
    shutil.copytree(files / "edges", mixed)
    (mixed / "broken.png").write_bytes(b"nothing")
    command = ("--model={m}/edges", "--condition={t}/mixed", "--steps=1", "--out={t}/made.png")
    code, err = sample(*command)
    assert code == 3 and "Refused: broken.png: " in err, err
    assert "Error: 1 of " in err and "was rejected, more than --max-rejected allows (" in err
    assert (tmp_path / "made.png").is_file()
    (tmp_path / "made.png").unlink()
    code, err = sample(*command, "--max-rejected=0.1")
    assert code == 0 and "Refused: broken.png: " in err and "Error" not in err, err


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_mask_with_transparent_pixels_is_refused(sample, tmp_path, mode):
    (tmp_path / "masks").mkdir()
    mask = Image.new("LA", (32, 32), (0, 255))
    mask.paste((255, 254), (8, 8, 24, 24))
    options = {}
    if mode == "P":
        mask, options = mask.convert("L").quantize(2), {"transparency": 1}
    mask.convert(mode).save(tmp_path / "masks/00.png", **options)
    code, err = sample(*PAINTER, "--masks={t}/masks")
    assert code == 2 and err.count("\n") == 1
    assert "The mask 00.png has transparent pixels: save it as black and white without" in err


def test_a_mask_of_another_size_is_refused(sample, tmp_path):
    (tmp_path / "masks").mkdir()
    Image.new("L", (16, 8)).save(tmp_path / "masks/00.png")
    code, err = sample(*PAINTER, "--masks={t}/masks")
    assert code == 2
    assert "The mask 00.png has 16 x 8 px, its picture 00.png 32 x 32." in err


def test_a_set_without_the_member_names_the_command_that_adds_it(sample, pairs, tmp_path):
    shutil.copytree(pairs, tmp_path / "bare")
    code, err = sample("--model={m}/edges", "--condition={t}/bare")
    assert code == 2
    # No other member is meant, however alike its name.
    assert "has no member 'canny.png'; it has " in err and "--add canny` adds it" in err


def test_steps_at_fixed_times_cannot_be_changed(sample):
    code, err = sample("--model={m}/larger", "--condition={f}/small", "--steps=2")
    assert code == 2
    assert "steps must be left out: larger takes 1 at times that it was trained for, got 2" in err
