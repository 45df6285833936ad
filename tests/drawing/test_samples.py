"""What `pairgen sample` leaves: which file goes where, in which order, and whose files stay."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pairgen
from pairgen.drawing.pictures import encode_png
from pairgen.drawing.sample_grid import picture_rows
from pairgen.drawing.samples import check_num_pictures, find_target
from pairgen.errors import ConfigError

OPTIONS = {"model": "gaussian", "steps": 3, "batch_size": 4}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_png_is_a_grid_and_a_folder_takes_pictures(tmp_path: Path) -> None:
    grid = find_target(str(tmp_path / "new/grid.PNG"))
    assert not grid.takes_pictures and grid.path == tmp_path / "new/grid.PNG"
    new = find_target(f"{tmp_path}/new/")
    assert new.takes_pictures and new.path == tmp_path / "new"
    assert find_target(str(tmp_path)).path == tmp_path
    assert names(tmp_path) == []


@pytest.mark.parametrize("out", ["grid.jpg", "grid", "", "s3://bucket/grid.png", "s3://bucket/"])
def test_another_output_is_refused(out: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"out must be a \.png file, or a folder") as caught:
        find_target(out)
    assert repr(out) in str(caught.value)


def test_an_output_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for out in ("file/", "file/grid.png", "file/sub/"):
        with pytest.raises(ConfigError, match="is a file"):
            find_target(f"{tmp_path}/{out}")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("grid.png", b"mine"),
        ("000000007.png", encode_png(Image.new("RGB", (2, 2)))),
        ("samples.json", b'{"mine": 1}'),
        ("samples.json", b"5"),
    ],
)
def test_files_of_others_are_never_overwritten(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    outs = [tmp_path, tmp_path / name] if name == "grid.png" else [tmp_path]
    for out in outs:
        with pytest.raises(ConfigError, match=f"did not make and would overwrite.*{name}"):
            pairgen.sample(**OPTIONS, prompts="a fox", out=out)
    assert names(tmp_path) == [name] and (tmp_path / name).read_bytes() == content


def test_a_folder_holds_every_picture_the_grid_and_the_facts(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    prompts = ["a fox", "an owl", "a cat"]
    made = pairgen.sample(**OPTIONS, prompts=prompts, cfg=(1, 4), out=tmp_path)
    pictures = [f"{i:09d}.png" for i in range(6)]
    assert names(tmp_path) == [*pictures, "grid.png", "notes.txt", "samples.json"]
    facts = json.loads((tmp_path / "samples.json").read_text(encoding="utf-8"))
    for i, name in enumerate(pictures):
        with Image.open(tmp_path / name) as image:
            assert np.array_equal(np.asarray(image), made.pictures[i])
            own = json.loads(image.info["pairgen"])
        assert own["picture"] == facts["pictures"][i]
        assert own["fingerprint"] == facts["fingerprint"]
    with Image.open(tmp_path / "grid.png") as image:
        assert json.loads(image.info["pairgen"]) == facts
    assert facts["options"]["prompts"] == prompts
    # A shorter run replaces all of it, and touches nothing else.
    pairgen.sample(**OPTIONS, prompts="an owl", out=tmp_path)
    assert names(tmp_path) == ["000000000.png", "grid.png", "notes.txt", "samples.json"]


def test_too_many_pictures_want_a_folder(tmp_path: Path) -> None:
    check_num_pictures(find_target(str(tmp_path / "grid.png")), 4096)
    check_num_pictures(find_target(str(tmp_path)), 10_000)
    with pytest.raises(ConfigError, match=r"at most 10,000 images, not 10,001: for more"):
        check_num_pictures(find_target(str(tmp_path)), 10_001)
    with pytest.raises(ConfigError, match=r"at most 4,096 images, not 4,097: give a folder"):
        check_num_pictures(find_target(str(tmp_path / "grid.png")), 4097)


def test_a_grid_with_more_pixels_than_programs_open_is_refused(tmp_path: Path) -> None:
    # A caption of three lines.
    options = {**OPTIONS, "prompts": "word " * 20, "num_per_prompt": 4000}
    message = r"A grid of 4,000 images would have .* px, more than .*: give a folder"
    with pytest.raises(ConfigError, match=message):
        pairgen.sample(**options, out=tmp_path / "grid.png")
    with pytest.raises(ConfigError, match=r"give fewer --columns"):
        pairgen.sample(**{**options, "num_per_prompt": 5000}, columns=5000, out=f"{tmp_path}/new/")
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("counts", "rows"),
    [
        # Prompts follow one another, eight a row.
        ((3, 1, 1, 0), [[0, 1, 2]]),
        ((10, 1, 1, 0), [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9]]),
        # Sample k * P + p is prompt p: a row holds the noises of one prompt.
        ((2, 3, 1, 0), [[0, 2, 4], [1, 3, 5]]),
        ((1, 10, 1, 0), [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9]]),
        # Scales vary fastest: a row for each prompt and noise.
        ((2, 1, 2, 0), [[0, 1], [2, 3]]),
        ((2, 2, 2, 0), [[0, 1], [4, 5], [2, 3], [6, 7]]),
        # As the user wants it.
        ((2, 3, 1, 4), [[0, 2, 4, 1], [3, 5]]),
        ((2, 1, 2, 4), [[0, 1, 2, 3]]),
    ],
)
def test_what_is_to_be_compared_stands_side_by_side(
    counts: tuple[int, int, int, int], rows: list[list[int]]
) -> None:
    assert picture_rows(*counts) == rows


def test_many_prompts_make_a_square_not_a_tower() -> None:
    rows = picture_rows(400, 1, 1, 0)
    assert len(rows) == 20 and {len(row) for row in rows} == {20}
