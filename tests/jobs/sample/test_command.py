"""`pairgen sample` on the command line: what it prints, its exit codes, and what it leaves."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pairgen.cli import main
from tests.runs import run

QUICK = ["--model=gaussian", "--steps=3", "--batch-size=4"]


@pytest.fixture
def sample(tmp_path: Path, monkeypatch, capsys):
    """Run the command in an empty folder; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pairgen", "sample", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        output = capsys.readouterr()
        return stop.value.code or 0, output.out, output.err

    return call


def test_the_embedded_teacher_draws_two_prompts(tmp_path: Path) -> None:
    out = tmp_path / "new/folder/grid.png"
    prompts = ["--prompts=a red apple on a white background", "--prompts=a 3d tiger"]
    result = run("sample", *prompts, steps=2, out=out)
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"2 images of 64 x 64 px: {out}\n"
    assert "2 of 2 images (100.0 %)" in result.stderr and "ETA" in result.stderr
    assert [path.name for path in out.parent.iterdir()] == ["grid.png"]
    with Image.open(out) as image:
        facts = json.loads(image.info["pairgen"])
        grid = np.asarray(image)
    assert facts["options"]["model"] == "tiny"
    assert [picture["prompt"] for picture in facts["pictures"]] == facts["options"]["prompts"]
    # Two enlarged pictures side by side, their captions below.
    assert grid.shape[1] > 2 * 128 and grid.shape[0] > 128
    assert grid[:128].std() > 5


def test_as_typed_it_draws_the_packaged_set_that_the_first_line_names(sample, tmp_path) -> None:
    code, out, err = sample(*QUICK)
    assert code == 0, err
    first = err.splitlines()[0]
    assert "packaged prompts" in first and "everyday.txt" in first
    assert out == f"32 images of 16 x 16 px: {tmp_path / 'samples.png'}\n"


def test_options_come_from_file_set_and_flag_in_that_order(sample, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("one\n\ntwo\n")
    (tmp_path / "pairgen.yaml").write_text(
        "ode:\n  steps: 9\nsample:\n  model: gaussian\n  prompts: [mine.txt, three]\n"
        "  steps: 5\n  seed: 1\n  captions: false\n  out: pictures/\n"
    )
    code, out, err = sample("--set", "steps=6", "--set", "seed=2", "--seed=3")
    assert code == 0, err
    assert out == f"3 images of 16 x 16 px: {tmp_path / 'pictures'}\n"
    assert "prompts 3 x noises 1 x guidance scales 1; 1 blank line skipped, 0 rejected." in err
    options = json.loads((tmp_path / "pictures/samples.json").read_text())["options"]
    assert options["prompts"] == ["one", "two", "three"]
    assert (options["steps"], options["seed"]) == (6, 3)


def test_captions_can_be_left_out(sample, tmp_path: Path) -> None:
    assert sample(*QUICK, "--prompts=a fox", "--out=with.png")[0] == 0
    assert sample(*QUICK, "--prompts=a fox", "--out=without.png", "--no-captions")[0] == 0
    with Image.open("with.png") as captioned, Image.open("without.png") as plain:
        assert captioned.width == plain.width and captioned.height > plain.height
        height = plain.height
        assert np.array_equal(np.asarray(captioned)[: height - 10], np.asarray(plain)[:-10])


def test_a_prompt_that_is_cut_is_told(sample) -> None:
    code, _, err = sample(*QUICK, "--prompts", "word " * 100, "--prompts=short")
    assert code == 0
    assert "1 of 2 prompts cut to the teacher's token limit." in err


def test_the_same_command_replaces_its_own_picture(sample, tmp_path: Path) -> None:
    assert sample(*QUICK, "--prompts=a fox")[0] == 0
    before = (tmp_path / "samples.png").read_bytes()
    assert sample(*QUICK, "--prompts=a fox")[0] == 0
    assert (tmp_path / "samples.png").read_bytes() == before
    assert sample(*QUICK, "--prompts=an owl")[0] == 0
    assert (tmp_path / "samples.png").read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prompts=absent.txt"], "There is no prompt file 'absent.txt'."),
        (["--prompts= "], "The prompt source holds no usable prompt"),
        (["--prompts=a", "--column=text"], "'a' is a prompt, not a file"),
        (["--prompts=a", "--out=grid.jpg"], "out must be a .png file, or a folder"),
        (["--prompts=a", "--num-per-prompt=5000"], "at most 4,096 images, not 5,000"),
        (["--prompts=a", "--model=tinny"], "(did you mean 'tiny'?)"),
        (["--prompts=a", "--cfg=x"], "cfg must be a number"),
        (["--prompts=a", "--steps=1001"], "steps must be an integer in 1..1,000, got 1001"),
        (["--prompts=a", "--set", "num_samples=3"], "Unknown key 'num_samples'"),
        (["--prompts=a", "--steps=many"], "Invalid value for '--steps'"),
    ],
)
def test_wrong_input_is_one_sentence_with_exit_code_2_and_nothing_written(
    arguments: list[str], message: str, sample, tmp_path: Path
) -> None:
    code, out, err = sample(*QUICK, *arguments)
    assert code == 2 and out == ""
    assert message in err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(sample, tmp_path: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # No file may grow beyond 4 kB: the prompts fit, the grid does not.
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        code, _, err = sample(*QUICK, "--prompts=a fox", "--out=new/")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 1
    assert "cannot be written" in err and "File too large" in err
    assert not list(tmp_path.rglob("grid.png")) and not list(tmp_path.rglob("samples.json"))
    assert not list(tmp_path.rglob("__meta__"))
