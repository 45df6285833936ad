"""`pairgen restore`: what it writes, continues, redoes and refuses."""

import io
import json
import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

import pairgen
from pairgen.cli import main
from pairgen.errors import ConfigError
from pairgen.jobs.restore.names import result_name
from pairgen.sources.image_file import ImageFile
from tests.jobs.restore.conftest import write_student
from tests.runs import kill_group, start, wait_until

SMALL = {"tile": 8, "vae_tile": 8, "cpu_threads": 1}


def save_picture(path: Path, height: int = 3, width: int = 5, seed: int = 0, **options) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def call(student, tmp_path, monkeypatch, capsys):
    """Run the command in an empty folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, model: Path = student) -> tuple[int, str, str]:
        capsys.readouterr()
        given = ["restore", f"--model={model}", "--tile=8", "--vae-tile=8", *arguments]
        monkeypatch.setattr(sys, "argv", ["pairgen", *given])
        with pytest.raises(SystemExit) as stop:
            main()
        output = capsys.readouterr()
        return stop.value.code or 0, output.out, output.err

    return run


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__meta__" not in path.parts
    }


def test_results_mirror_the_names_and_what_stands_is_not_made_again(call, tmp_path, student):
    save_picture(tmp_path / "in/a.jpg")
    save_picture(tmp_path / "in/sub/b.c.png", seed=1)
    (tmp_path / "in/broken.png").write_bytes(b"no picture")
    code, out, err = call("--images=in", "--out=out", "--max-rejected=0.5")
    assert code == 0, err
    assert "2 of 3 pictures restored" in out and "1 rejected, the first broken.png: no JPEG" in out
    made = files_of(tmp_path / "out")
    assert sorted(made) == ["a.png", "sub/b.c.png"]
    rejected = (tmp_path / "out/__meta__/rejected/00000.jsonl").read_text()
    assert json.loads(rejected)["image"] == "broken.png"
    code, _, err = call("--images=in/a.jpg", "--out=twice", "--scale=2")
    assert code == 0 and "student was trained to enlarge 4 times: it is given pictures" in err
    with Image.open(tmp_path / "twice/a.png") as image:
        assert image.size == (10, 6)
    with Image.open(io.BytesIO(made["a.png"])) as image:
        assert image.size == (20, 12)
        of_array = pairgen.Restorer(student, tile=8, vae_tile=8)(
            np.asarray(Image.open(tmp_path / "in/a.jpg"))
        )
        assert np.array_equal(np.asarray(image), of_array)
    receipt = json.loads((tmp_path / "out/__meta__/pictures/sub/b.c.png.json").read_text())
    assert receipt["size_px"] == [20, 12] and receipt["made"]["cpu_threads"] == 1

    # Again: only what is new, changed or damaged.
    save_picture(tmp_path / "in/sub/b.c.png", seed=2)
    save_picture(tmp_path / "in/new.png", seed=3)
    (tmp_path / "in/broken.png").unlink()
    times = (tmp_path / "out/a.png").stat().st_mtime_ns
    code, _, err = call("--images=in", "--out=out")
    assert code == 0 and "2 pictures to enlarge 4 times; 1 already restored" in err
    assert (tmp_path / "out/a.png").stat().st_mtime_ns == times
    assert not (tmp_path / "out/__meta__/rejected/00000.jsonl").exists()
    again = files_of(tmp_path / "out")
    assert sorted(again) == ["a.png", "new.png", "sub/b.c.png"]
    assert again["a.png"] == made["a.png"] and again["sub/b.c.png"] != made["sub/b.c.png"]

    (tmp_path / "out/a.png").write_bytes(b"")
    result = pairgen.restore(model=str(student), images="in", out="out", **SMALL)
    assert (result.num_made, result.num_before, result.interrupted) == (1, 2, False)
    assert files_of(tmp_path / "out") == again


def test_another_model_and_other_options_are_refused(call, tmp_path, sd21_folder, student):
    save_picture(tmp_path / "in/a.png")
    assert call("--images=in", "--out=out")[0] == 0
    before = files_of(tmp_path / "out")
    for options, words in (
        (["--scale=2"], "scale 2 (there: 4)"),
        (["--color-fix=none", "--seed=1"], "color_fix 'none' (there: 'adain'), seed 1 (there: 0)"),
        (["--prompt=a cat"], "prompt 'a cat' (there: '')"),
        (["--overlap=3"], "overlap 3 (there: 2)"),
        (["--dtype=bfloat16"], "dtype 'bfloat16' (there: 'float32')"),
    ):
        code, _, err = call("--images=in", "--out=out", *options)
        assert code == 2 and words in err and err.splitlines()[-1].startswith("Error: "), err
    other = write_student(tmp_path / "other", sd21_folder)
    code, _, err = call("--images=in", "--out=out", model=other)
    assert code == 2 and "now you ask for: another model. Give another --out." in err
    # A copy elsewhere is the same model, and how it is computed does not matter.
    copied = shutil.copytree(student, tmp_path / "copied")
    assert call("--images=in", "--out=out", "--batch-size=2", model=copied)[0] == 0
    assert files_of(tmp_path / "out") == before
    (tmp_path / "out/__meta__/restore.json").write_text("[]")
    code, _, err = call("--images=in", "--out=out")
    assert code == 2 and "restore.json of" in err and "cannot be read" in err


def test_what_would_be_overwritten_or_mixed_up_is_refused(call, tmp_path):
    save_picture(tmp_path / "in/a.png")
    save_picture(tmp_path / "in/A.jpg")
    save_picture(tmp_path / "own/a.png")
    save_picture(tmp_path / "one/a.png")
    for arguments, words in (
        (["--images=in", "--out=out"], "would both become "),
        (["--images=one", "--images=own", "--out=out"], "would both become a.png"),
        (["--images=one", "--out=one/restored"], "out must be outside the folder of pictures one"),
        (["--images=one", "--out=own"], "would overwrite (a.png)"),
        (["--images=one/a.png", "--out=own"], "would overwrite (a.png)"),
        (["--images=ow*/a.png", "--out=own"], "own/a.png is in the output folder"),
        (["--images=none", "--out=out"], "There are no images at 'none'"),
        (["--images=one"], "out must be given"),
        (["--out=out"], "images must be given"),
        (["--images=one", "--out=out", "--prompt=x", "--captions=y"], "Give prompt or captions"),
        (["--images=one", "--out=out", "--overlap=8"], "--overlap must be below --tile, 8, got 8"),
    ):
        code, out, err = call(*arguments)
        assert code == 2 and out == "" and words in err, err
        assert not (tmp_path / "out").exists() and not (tmp_path / "own/__meta__").exists()


def test_pictures_of_tars_tables_and_lists_have_names_of_their_own(call, tmp_path):
    data = save_picture(tmp_path / "in/x.png").read_bytes()
    with tarfile.open(tmp_path / "set.tar", "w") as tar:
        for name in ("000000001.png", "deep/000000002.jpg"):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/list.txt").write_text(f"../in/x.png\n{tmp_path}/in/x.png\n")
    assert call("--images=set.tar", "--out=out", "--format=webp")[0] == 0
    assert sorted(files_of(tmp_path / "out")) == [
        "set.tar/000000001.webp",
        "set.tar/deep/000000002.webp",
    ]
    code, _, err = call("--images=lists/list.txt", "--out=listed")
    assert code == 0, err
    # Nothing lies outside of the folder.
    assert all("in/x.png" in name for name in files_of(tmp_path / "listed"))
    assert result_name(ImageFile("t.parquet/7", "", "parquet", 7, 0, "", ""), "png") == (
        "t.parquet/7.png"
    )
    with pytest.raises(ConfigError, match="would lie in __meta__"):
        result_name(ImageFile("__meta__/a.png", "", "file", 0, 0, "", ""), "png")


def test_prompts_are_the_users_the_pictures_or_the_students(call, tmp_path, sd15_folder):
    save_picture(tmp_path / "in/a.png").with_suffix(".txt").write_text("a red heart")
    save_picture(tmp_path / "in/b.png", seed=1)

    def prompts(out: str, *arguments: str, **options) -> list[str]:
        code, _, err = call("--images=in", f"--out={out}", *arguments, **options)
        assert code == 0, err
        receipts = sorted((tmp_path / out / "__meta__/pictures").glob("*.json"))
        return [json.loads(path.read_text())["prompt"] for path in receipts]

    fixed = write_student(tmp_path / "fixed", sd15_folder, prompt="sharp")
    trained = write_student(tmp_path / "trained", sd15_folder, prompt="sharp", prompts="tag.txt")
    assert prompts("1", model=fixed) == ["sharp", "sharp"]
    assert prompts("2", model=trained) == ["a red heart", "sharp"]
    assert prompts("3", "--prompt=a cat", model=trained) == ["a cat", "a cat"]
    (tmp_path / "table.csv").write_text("file_name,caption\nb.png,a blue book\n")
    assert prompts("4", "--captions=table.csv", model=fixed) == ["sharp", "a blue book"]
    # A caption that has changed makes another result.
    (tmp_path / "table.csv").write_text("file_name,caption\nb.png,a book\n")
    assert prompts("4", "--captions=table.csv", model=fixed) == ["sharp", "a book"]


def test_too_many_rejected_end_with_code_3(call, tmp_path):
    save_picture(tmp_path / "in/a.png")
    transparent = Image.new("RGBA", (4, 4), (1, 2, 3, 4))
    transparent.save(tmp_path / "in/b.png")
    code, out, err = call("--images=in", "--out=out", "--format=jpg")
    assert code == 3 and "more than --max-rejected allows (" in err
    assert "1 rejected, the first b.png: transparent, which jpg does not hold" in out
    wide = Image.new("L", (17_000, 1))
    wide.save(tmp_path / "in/wide.png")
    code, out, _ = call("--images=in", "--out=other", "--format=jpg", "--max-rejected=0.8")
    assert code == 0 and "2 rejected, the first wide.png: too large for jpg" in out


def test_a_picture_that_is_not_finite_is_named_and_not_written(call, tmp_path, sd15_folder):
    location = shutil.copytree(sd15_folder, tmp_path / "model")
    weights = location / "vae/diffusion_pytorch_model.safetensors"
    tensors = load_file(weights)
    tensors["decoder.conv_out.bias"][0] = float("nan")
    save_file(tensors, weights, metadata={"format": "pt"})
    save_picture(tmp_path / "in/a.png")
    broken = write_student(tmp_path / "broken", location)
    code, out, _ = call("--images=in", "--out=out", model=broken)
    assert code == 3 and "0 of 1 picture restored" in out and "that is not finite" in out
    assert files_of(tmp_path / "out") == {}


def test_a_killed_run_goes_on_and_makes_the_same_bytes(tmp_path, student):
    for seed in range(12):
        save_picture(tmp_path / f"in/{seed:02}.png", seed=seed)
    given = {"model": str(student), "images": str(tmp_path / "in"), **SMALL}
    process = start(tmp_path / "log", "restore", out=tmp_path / "out", **given)
    wait_until(lambda: any((tmp_path / "out/__meta__/pictures").glob("*.json")))
    kill_group(process)
    done = pairgen.restore(**given, out=str(tmp_path / "out"))
    assert done.num_before >= 1 and done.num_made + done.num_before == 12
    pairgen.restore(**given, out=str(tmp_path / "whole"))
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")
    assert not list(tmp_path.glob("out/__meta__/tmp/*"))


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
def test_workers_of_ray_make_the_same_bytes(tmp_path, student):
    for seed in range(4):
        save_picture(tmp_path / f"in/{seed}.png", seed=seed)
    given = {"model": str(student), "images": str(tmp_path / "in"), **SMALL}
    done = pairgen.restore(**given, out=str(tmp_path / "ray"), executor="ray", num_workers=2)
    assert done.num_made == 4
    pairgen.restore(**given, out=str(tmp_path / "serial"), executor="serial")
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "serial")
