"""Pairs that exist, and edits: crops fit each other, everything is counted, samples replay."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pairgen
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.jobs.collect.run import run_collect
from pairgen.jobs.replay.run import run_replays
from pairgen.kinds.collect.partner import reduced
from pairgen.sources.photographs import decode_rgb
from tests.degradations.pictures import make_picture
from tests.runs import run, samples, shas, undo_shards

OPTIONS = {"size": 64, "samples_per_shard": 3, "executor": "serial", "seed": 3}


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    return (make_picture(height, width, seed=seed) * 255).round().astype(np.uint8)


def blocks(height: int, width: int, scale: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return HR and LR whose pixels tell row and column in LR, and their number."""
    rows, columns = np.mgrid[: height // scale, : width // scale]
    lr = np.stack([rows, columns, np.full_like(rows, number)], axis=-1).astype(np.uint8)
    return lr.repeat(scale, axis=0).repeat(scale, axis=1), lr


def write_pairs(root: Path, num: int = 6, shift: int = 0) -> Path:
    """Write pairs whose LR is shifted to the right by some HR pixels."""
    for number in range(num):
        whole = textured(96, 180, seed=number)
        save(root / f"hr/{number}.png", whole[:, 20:148])
        save(root / f"lr/{number}.png", reduced(whole[:, 20 - shift : 148 - shift], 4))
    return root


def collect(out: Path, **options: object) -> Path:
    assert pairgen.collect(out=str(out), **(OPTIONS | options)).complete
    report = pairgen.verify(out)
    assert report.clean, report.table()
    return out


@pytest.mark.parametrize("crop", ["center", "random"])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_crops_of_a_pair_show_the_same(tmp_path, crop, scale):
    for number in range(6):
        hr, lr = blocks(104, 232, scale, number)
        save(tmp_path / f"hr/{number}.png", hr)
        save(tmp_path / f"lr/{number}.png", lr)
    options = {"hr": str(tmp_path / "hr"), "lr": str(tmp_path / "lr"), "scale": scale}
    out = collect(tmp_path / "out", **options, crop=crop, flip=True)
    places = set()
    for number, sample in enumerate(samples(out)):
        facts, hr = json.loads(sample["json"]), decode_rgb(sample["png"])
        lr = decode_rgb(sample[f"lr{scale}.png"])
        np.testing.assert_array_equal(hr, lr.repeat(scale, axis=0).repeat(scale, axis=1))
        top, left = facts["top"], facts["left"]
        assert top % scale == left % scale == 0
        corner = lr[0, -1] if facts["flip"] else lr[0, 0]
        assert corner.tolist() == [top // scale, left // scale, number]
        assert facts["partner_image"] == f"{number}.png"
        assert (facts["resized_width"], facts["resized_height"]) == (232, 104)
        places.add((top, left))
    assert len(places) > 1 if crop == "random" else places == {(20, 84)}
    for result in run_replays(out, ["0", "3", "5"]):
        assert result.differences == ()


@pytest.mark.parametrize("shift", [0, 2, 8])
def test_shifts_are_recorded_and_told(tmp_path, shift):
    root = write_pairs(tmp_path, shift=shift)
    said: list[str] = []
    given = {
        **OPTIONS,
        "hr": str(root / "hr"),
        "lr": str(root / "lr"),
        "out": str(tmp_path / "out"),
    }
    run_collect(given, said.append)
    for sample in samples(tmp_path / "out"):
        facts = json.loads(sample["json"])
        assert facts["shift_x"] == pytest.approx(shift / 4, abs=0.1)
        assert facts["shift_y"] == pytest.approx(0, abs=0.1)
    warned = any("6 of 6 pairs are shifted by more than 0.5 LR pixels" in line for line in said)
    # 0.5 itself may come out on either side.
    assert shift == 2 or warned == (shift > 2)
    found = pairgen.inspect(tmp_path / "out", where="shift_x < 1").data["where"]
    assert found["num_samples"] == (0 if shift == 8 else 6)


def test_every_file_is_taken_or_has_its_reason(tmp_path):
    root = write_pairs(tmp_path)
    save(root / "hr/lone.png", textured(96, 128))
    save(root / "lr/other.png", textured(24, 32))
    save(root / "hr/odd.png", textured(96, 128))
    save(root / "lr/odd.png", textured(24, 31))
    save(root / "hr/small.png", textured(32, 32))
    save(root / "lr/small.png", textured(8, 8))
    save(root / "hr/torn.png", textured(96, 128))
    (root / "lr/torn.png").write_bytes(b"torn")
    options = {"hr": root / "hr", "lr": root / "lr", "size": 64, "executor": "serial"}
    result = run("collect", **options, out=tmp_path / "out")
    assert result.returncode == 3
    assert "6 pairs, 64 px; 5 images rejected." in result.stderr
    lines = (tmp_path / "out/__meta__/rejected/00000.jsonl").read_text().splitlines()
    assert {row["image"]: row["reason"] for row in map(json.loads, lines)} == {
        "lone.png": "no LR image of its name",
        "other.png": "no HR image of its name",
        "odd.png": "128 x 96 px, not 4 times as large as its partner odd.png, 31 x 24",
        "small.png": "smaller than 64 px: 32 x 32",
        "torn.png": "its partner torn.png: "
        "no JPEG, PNG, WEBP, TIFF, BMP, GIF, HEIF, AVIF, JXL image",
    }


def test_a_set_of_pairs_continues_and_fails_where_lr_is_gone(tmp_path):
    root = write_pairs(tmp_path)
    out = collect(tmp_path / "out", hr=str(root / "hr"), lr=str(root / "lr"), crop="random")
    before = shas(out)
    undo_shards(out)
    (root / "lr/1.png").rename(root / "away.png")
    manifest = pairgen.collect(out=str(out), executor="serial")
    (failed,) = [slot for receipt in manifest.receipts for slot in receipt.failed]
    assert failed.reason == "its partner 1.png: No such file or directory"
    # All LR away, as on a disk that is not mounted: nothing is lost.
    kept = shas(out)
    (root / "lr").rename(root / "elsewhere")
    assert pairgen.repair(out, executor="serial").num_failed == 1
    assert shas(out) == kept
    (root / "elsewhere").rename(root / "lr")
    (root / "away.png").rename(root / "lr/1.png")
    assert pairgen.repair(out, executor="serial").num_failed == 0
    assert shas(out) == before
    with pytest.raises(PlanMismatchError, match=r"scale \(was 4, got 2\)"):
        pairgen.collect(out=str(out), scale=2)


def test_captions_and_classes_of_pairs_come_from_a_table(tmp_path):
    root = write_pairs(tmp_path, num=2)
    (root / "texts.csv").write_text("file_name,caption,label\n0.png,a boat,4\n1.png,,0\n")
    options = {"hr": str(root / "hr"), "lr": str(root / "lr"), "label_column": "label"}
    made = samples(collect(tmp_path / "out", **options, captions=str(root / "texts.csv")))
    assert [(each["txt"], each["cls"]) for each in made] == [(b"a boat", b"4"), (b"", b"0")]


@pytest.mark.slow
@pytest.mark.ray
def test_bytes_of_pairs_are_equal_for_serial_and_ray(tmp_path, cluster):
    root = write_pairs(tmp_path, shift=2)
    options = {"hr": str(root / "hr"), "lr": str(root / "lr"), "crop": "random", "flip": True}
    expected = shas(collect(tmp_path / "serial", **options, samples_per_shard=1))
    ray = {"executor": "ray", "num_workers": 2, "samples_per_shard": 1}
    assert shas(collect(tmp_path / "ray", **options, **ray)) == expected


def test_folders_of_stablesr_and_seesr(tmp_path):
    root = write_pairs(tmp_path / "pairs")
    (root / "hr").rename(root / "gt")
    (root / "tag").mkdir()
    (root / "tag/2.txt").write_text("a dog, grass")
    out = collect(tmp_path / "out", pairs=str(root))
    tags = [sample["tag.txt"].decode() for sample in samples(out)]
    assert tags == ["", "", "a dog, grass", "", "", ""]
    (root / "gt").rename(root / "test_HR")
    (root / "lr").rename(root / "test_LR")
    plain = collect(tmp_path / "plain", pairs=str(root))
    assert "tag.txt" in samples(plain)[0]
    (root / "tag/2.txt").unlink()
    assert "tag.txt" not in samples(collect(tmp_path / "bare", pairs=str(root)))[0]


def test_edits_are_source_instruction_and_target(tmp_path):
    rows = []
    for number in range(4):
        source = textured(80, 100, seed=number)
        save(tmp_path / f"edits/{number}_a.png", source)
        save(tmp_path / f"edits/{number}_b.png", 255 - source)
        row = {"source": f"{number}_a.png", "target": f"{number}_b.png"}
        rows.append({**row, "instruction": f"negative {number}"})
    save(tmp_path / "edits/wide.png", textured(80, 120))
    rows.append({"source": "0_a.png", "target": "wide.png", "instruction": "widen"})
    rows.append({"source": "0_a.png", "target": "0_b.png", "instruction": ""})
    rows.append({"source": "gone.png", "target": "0_b.png", "instruction": "bring back"})
    table = tmp_path / "edits/triples.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = collect(tmp_path / "out", edit_triples=str(table), crop="random", flip=True)
    made = samples(out)
    assert [sample["txt"].decode() for sample in made] == [f"negative {n}" for n in range(4)]
    for number, sample in enumerate(made):
        source, target = decode_rgb(sample["src.png"]), decode_rgb(sample["png"])
        assert source.shape == target.shape == (64, 64, 3)
        # Resizing is linear but for rounding and clipping: both are cut at the same place.
        assert np.abs(255 - source.astype(int) - target).max() <= 1
        assert json.loads(sample["json"])["partner_image"] == f"{number}_a.png"
    lines = (out / "__meta__/rejected/00000.jsonl").read_text().splitlines()
    assert [json.loads(line)["reason"] for line in lines] == [
        "120 x 80 px, not as large as its partner 0_a.png, 100 x 80",
        "no instruction",
        "its partner gone.png: No such file or directory",
    ]
    for result in run_replays(out, ["0", "3"]):
        assert result.differences == ()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hr": "a"}, "hr and lr must be given together"),
        ({"hr": "a", "lr": "b", "images": "c"}, "Give one source of images, got images and hr"),
        ({"pairs": "a", "edit_triples": "b"}, "Give one source of images"),
        ({"pairs": "a", "enlarge": True}, "enlarge is not for pairs"),
        ({"pairs": "a", "format": "keep"}, "leave out pairs"),
        ({"pairs": "a", "size": 66}, "size must be a multiple of the scale, 4, and at least 64"),
        ({"pairs": "a", "scale": 8}, "at least 128, got 64"),
        ({"pairs": "a", "scale": 5}, "scale must be one of 1, 2, 3, 4, 8, 16, got 5"),
        ({"pairs": "a", "column": "b"}, "column of pairs is a column of a table"),
        ({"edit_triples": "a", "label_column": "b"}, "label_column is for images"),
        ({"images": "a", "scale": 2}, "scale is for pairs"),
        ({"edit_triples": "a.png"}, "edit_triples must be a .csv"),
        ({"from_ode": "a", "format": "keep"}, "leave out from_ode"),
    ],
    ids=str,
)
def test_what_is_wrong_leaves_nothing(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        pairgen.collect(**{**OPTIONS, "out": "new", **options})
    assert not (tmp_path / "new").exists()


def test_a_table_that_is_not_of_edits_is_one_sentence(tmp_path):
    (tmp_path / "a.csv").write_text("source,target\na.png,b.png\n")
    with pytest.raises(ConfigError, match=r"must have the columns.*; instruction is missing"):
        pairgen.collect(edit_triples=str(tmp_path / "a.csv"), out=str(tmp_path / "out"))
    (tmp_path / "b.csv").write_text("source,instruction,target\n")
    with pytest.raises(ConfigError, match="has no rows"):
        pairgen.collect(edit_triples=str(tmp_path / "b.csv"), out=str(tmp_path / "out"))
