"""`pairgen annotate`: made, continued, renewed, repaired and replayed; whose overlay it is."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import pairgen
from pairgen import plugins
from pairgen.cli import cli
from pairgen.errors import ConfigError, CorruptShardError, PairgenError, UntrustedCodeError
from pairgen.jobs.annotate.dry_run import run_annotate_dry
from pairgen.jobs.inspect.annotations import annotations_data
from pairgen.jobs.inspect.run import run_inspect
from pairgen.jobs.inspect.set_facts import set_text
from pairgen.jobs.replay.run import run_replay, run_replays
from pairgen.jobs.verify.run import verify_all
from pairgen.shards.format.layout import receipt_path
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.annotated_sets import failed, picture_plan, write_again, write_pictures
from tests.runs import receipts, run, run_many, samples, shas
from tests.small_sets import flip_byte

OWN = "tests.own_annotator"
KEPT = [i for i in range(10) if i % 3 != 2]


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "set")


def overlay_of(parent: Path, name: str = "canny") -> Path:
    return Path(f"{parent}.annotations") / name


def annotations_of(parent: Path) -> list[dict[str, Any]]:
    store = LocalStore(parent)
    return annotations_data(store, read_plan(store))


def annotate(parent: Path, name: str = "canny", **options: object) -> Path:
    (manifest,) = pairgen.annotate(parent, add=name, executor="serial", **options)
    assert manifest.complete
    return overlay_of(parent, name.rpartition(".")[2])


def check_equal_to_anew(parent: Path, name: str = "canny", **options: object) -> None:
    """An overlay is clean, and has the bytes of one that is made anew."""
    overlay = overlay_of(parent, name)
    report = pairgen.verify(overlay)
    assert report.clean and not report.unread, report.table()
    anew = parent.parent / f"anew-{name}"
    pairgen.annotate(parent, add=name, out=str(anew), executor="serial", **options)
    assert shas(anew) == shas(overlay)


def test_the_same_command_makes_nothing_twice_and_keeps_its_options(parent: Path) -> None:
    overlay = annotate(parent, low=30, high=90)
    before = receipts(overlay)
    annotate(parent)
    annotate(parent, low=30)
    assert receipts(overlay) == before
    plan = read_plan(LocalStore(overlay))
    assert plan.recipe["options"] == {"image": "", "low": 30.0, "high": 90.0, "l2": False}
    with pytest.raises(ConfigError, match=r"low \(was 30, got 40\)"):
        annotate(parent, low=40)
    assert receipts(overlay) == before


def test_several_are_made_at_once_and_options_go_where_they_are_known(parent: Path) -> None:
    pairgen.annotate(parent, add="canny,sketch,mask", sigma=2.0, low=50, executor="serial")
    options = {
        name: read_plan(LocalStore(overlay_of(parent, name))).recipe["options"]
        for name in ("canny", "sketch", "mask")
    }
    assert options["canny"]["low"] == 50 and options["sketch"]["sigma"] == 2
    assert options["mask"]["max_shapes"] == 4
    for options, message in (
        ({"sigmas": 3}, "None of canny, sketch has an option 'sigmas'.*did you mean 'sigma'"),
        ({"out": "x"}, "out names one folder, but 2 annotators are asked for"),
    ):
        with pytest.raises(ConfigError, match=message):
            pairgen.annotate(parent, add="canny,sketch", **options)
    found = annotations_of(parent)
    assert [(each["name"], each["adds"], each["state"]) for each in found] == [
        ("canny", ["canny.png"], "up to date"),
        ("mask", ["mask.png"], "up to date"),
        ("sketch", ["sketch.png"], "up to date"),
    ]
    reports = dict(verify_all(parent, {}))
    assert len(reports) == 4 and all(report.clean for report in reports.values())


def test_samples_that_cannot_be_annotated_are_left_out_with_their_reason(parent: Path) -> None:
    # A third of the samples is more than `max_rejected`; the samples stand all the same.
    (manifest,) = pairgen.annotate(parent, add=OWN, executor="serial", batch_size=3)
    assert manifest.complete and manifest.num_failed == 3 and manifest.num_samples == 7
    overlay = overlay_of(parent, "own_annotator")
    assert failed(overlay) == dict.fromkeys((2, 5, 8), "it is a third one")
    assert pairgen.verify(overlay).clean
    loader = pairgen.Loader(parent, fields=["png", "own.npy"], facts=["bright"], batch_size=1)
    taken = {}
    for batch in loader:
        taken[int(batch.indices)] = batch["own.npy"][0].tolist(), float(batch.facts["bright"])
        bright = float((batch["png"] > 128).double().mean())
        assert batch.facts["bright"].tolist() == [bright]
    assert sorted(taken) == KEPT
    (left_out,) = loader.left_out
    assert left_out.num_samples == 3
    with pytest.raises(ConfigError, match="Sample 000000005 was not made: it is a third one"):
        run_replay(overlay, "5")
    with pytest.raises(UntrustedCodeError):
        run_replay(overlay, "4")
    assert not run_replay(overlay, "4", trust_code=True).differences


def test_the_command_exits_with_3_when_too_many_fail(parent: Path) -> None:
    result = run("annotate", str(parent), add=OWN)
    assert result.returncode == 3, result.stderr
    assert "3 samples failed, the first because: it is a third one." in result.stdout
    assert "Error: 3 of 10 samples (30 %) failed, more" in result.stderr
    assert run("annotate", str(parent), add=OWN, max_rejected="0.5").returncode == 0
    assert run("annotate", str(parent), add="cany").returncode == 2


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            "shape",
            r"gave sample 000000000 the member own.npy as float32 \[1\], it says float32 \[2\]",
        ),
        ("column", "gave sample 000000000 the columns dark, it says that it adds bright"),
    ],
)
def test_an_annotator_that_breaks_its_word_is_named(parent: Path, fault, message) -> None:
    with pytest.raises(PairgenError, match=message):
        pairgen.annotate(parent, add=OWN, fault=fault, executor="serial")


def test_what_is_not_finite_is_never_written(parent: Path) -> None:
    pairgen.annotate(parent, add=OWN, fault="not finite", executor="serial")
    assert failed(overlay_of(parent, "own_annotator"))[4] == "own.npy is not finite"


def test_a_picture_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    from tests.annotated_sets import picture
    from tests.image_sets import write_images

    def broken(name, spec, index):
        return b"no picture" if (name, index) == ("png", 6) else picture(name, spec, index)

    parent = tmp_path / "set"
    write_images(parent, picture_plan(), broken)
    overlay = annotate(parent)
    assert list(failed(overlay)) == [6]
    assert "png cannot be read" in failed(overlay)[6]


def test_a_parent_that_grows_is_caught_up_with(parent: Path) -> None:
    overlay = annotate(parent)
    before = receipts(overlay)
    grown = picture_plan(13)
    write_again(parent, 2, 0, grown)
    with pytest.raises(ConfigError, match=r"00003.tar of .* has not been made yet"):
        annotate(parent)
    write_again(parent, 3, 0)
    assert annotations_of(parent)[0]["state"] == "2 shards to make"
    annotate(parent)
    after = receipts(overlay)
    assert len(after) == 4
    for name in ("00000.json", "00001.json"):
        assert after[name] == before[name]
    assert len(samples(overlay)) == 13
    check_equal_to_anew(parent)


def test_stale_shards_are_made_again_and_only_they(parent: Path) -> None:
    overlay = annotate(parent)
    before = receipts(overlay)
    write_again(parent, 1, 1)
    assert [problem.kind for problem in pairgen.verify(overlay).problems] == ["stale"]
    with pytest.raises(CorruptShardError, match="is stale"):
        pairgen.Loader(parent, fields=["canny.png"], batch_size=1)
    with pytest.raises(CorruptShardError, match="its bytes are not those that its receipt names"):
        run_replay(overlay, "5")
    annotate(parent)
    after = receipts(overlay)
    assert [name for name in after if after[name] != before[name]] == ["00001.json"]
    check_equal_to_anew(parent)


def test_repair_makes_bad_and_stale_shards_again(parent: Path) -> None:
    overlay = annotate(parent, low=10, high=20)
    expected = shas(overlay)
    flip_byte(overlay / "train/00002.tar", 600)
    assert not pairgen.verify(overlay).clean
    pairgen.repair(overlay, executor="serial")
    assert shas(overlay) == expected
    write_again(parent, 0, 1)
    manifest = pairgen.repair(overlay, executor="serial")
    assert manifest.complete
    check_equal_to_anew(parent, low=10, high=20)


def test_a_damaged_parent_is_not_annotated(parent: Path) -> None:
    flip_byte(parent / "train/00001.tar", 600)
    with pytest.raises(CorruptShardError, match=r"00001.tar of .* cannot be annotated"):
        annotate(parent)
    assert list(receipts(overlay_of(parent))) == ["00000.json"]


def test_an_overlay_of_another_set_is_refused(parent: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_pictures(other, replace(picture_plan(), seed=6))
    out = tmp_path / "edges"
    pairgen.annotate(parent, add="canny", out=str(out), executor="serial")
    with pytest.raises(ConfigError, match="is an overlay of the dataset"):
        pairgen.annotate(other, add="canny", out=str(out), executor="serial")
    with pytest.raises(ConfigError, match="is an overlay: annotate its parent instead"):
        pairgen.annotate(out, add="mask")
    with pytest.raises(ConfigError, match="holds a dataset of kind 'degrade'"):
        pairgen.annotate(other, add="canny", out=str(parent))
    with pytest.raises(ConfigError, match=r"has a member 'canny\.png' already"):
        plan = picture_plan()
        members = {**plan.members, "canny.png": {"dtype": "uint8", "shape": [32, 32, 1]}}
        store = LocalStore(tmp_path / "with")
        write_plan(store, replace(plan, members=members))
        pairgen.annotate(store.root, add="canny")


def test_a_set_that_was_moved_with_its_annotations_is_found(parent: Path, tmp_path: Path) -> None:
    annotate(parent)
    (tmp_path / "new").mkdir()
    moved = parent.rename(tmp_path / "new/renamed")
    Path(f"{parent}.annotations").rename(f"{moved}.annotations")
    overlay = overlay_of(moved)
    report = pairgen.verify(overlay)
    assert report.clean and not report.unread
    assert not run_replay(overlay, "7").differences
    before = receipts(overlay)
    annotate(moved)
    assert receipts(overlay) == before


def test_replays_of_several_batches_are_equal(parent: Path) -> None:
    pairgen.annotate(parent, add=OWN, batch_size=3, executor="serial")
    overlay = overlay_of(parent, "own_annotator")
    found = list(run_replays(overlay, [str(i) for i in KEPT], trust_code=True))
    assert len(found) == 7 and not any(each.differences for each in found)


def test_a_module_of_another_annotator_is_no_change_of_software(parent: Path) -> None:
    overlay = annotate(parent)
    path = overlay / receipt_path(0)
    receipt = json.loads(path.read_text())
    # As of a process that made latents too.
    del receipt["own_sha256"]
    receipt["made"]["versions"] |= {"an_unused_module": "1.0", "cv2": "1.0"}
    path.write_text(json.dumps(receipt))
    replayed = run_replay(overlay, "0")
    assert not replayed.differences
    (told,) = replayed.software
    assert told.startswith("cv2: there 1.0, here ")


def test_inspect_shows_what_was_added(tmp_path: Path) -> None:
    out = tmp_path / "sr"
    pairgen.degrade(out=out, crop=32, scales=4, executor="serial")
    assert "annotation" not in set_text(run_inspect(out).data)
    pairgen.annotate(out, add="canny,mask", executor="serial")
    *_, head, canny, mask = set_text(run_inspect(out).data).splitlines()
    assert head.split() == ["annotation", "adds", "samples", "state"]
    assert canny.split() == ["canny", "canny.png", "4", "of", "4", "up", "to", "date"]
    assert mask.split()[:2] == ["mask", "mask.png"]
    data = run_inspect(overlay_of(out)).data
    assert data["kind"] == "overlay" and "model" not in data["plan"]
    # What is left empty is not shown.
    assert data["plan"]["options"] == {"low": 100, "high": 200, "l2": False}
    assert "--add canny" in (overlay_of(out) / "README.md").read_text()


def test_behind_a_url(parent: Path) -> None:
    import fsspec

    fs = fsspec.filesystem("memory")
    fs.put(str(parent), "/bucket/set", recursive=True)
    url = "memory://bucket/set"
    (manifest,) = pairgen.annotate(url, add="canny", executor="serial")
    assert manifest.complete and fs.exists("/bucket/set.annotations/canny/__meta__/plan.yaml")
    local = annotate(parent)
    for path in local.glob("train/*"):
        assert fs.cat(f"/bucket/set.annotations/canny/train/{path.name}") == path.read_bytes()
    assert pairgen.verify(f"{url}.annotations/canny").clean
    loader = pairgen.Loader(
        url, fields=["png", "canny.png"], batch_size=5, cache=parent.parent / "cache"
    )
    assert sum(len(batch) for batch in loader) == 10
    assert np.isin(next(iter(loader))["canny.png"].numpy(), (0, 255)).all()
    fs.rm("/bucket", recursive=True)


def test_a_dry_run_tells_the_bytes_and_writes_nothing(parent: Path) -> None:
    before = sorted(parent.parent.rglob("*"))
    asked = {"add": f"canny,{OWN}", "low": 30, "executor": "serial"}
    canny, own = run_annotate_dry(parent, asked, num_samples=12)
    assert sorted(parent.parent.rglob("*")) == before
    assert ("low", 30, "call") in canny.options and ("add", ("canny",), "call") in canny.options
    assert not any(name == "low" for name, _, _ in own.options)
    assert canny.measured.num_samples == 10 and own.measured.num_samples == 7
    overlay = annotate(parent, low=30)
    assert canny.cost.num_bytes == sum(each.stat().st_size for each in overlay.glob("train/*"))
    write_again(parent, 1, 1)
    (stale,) = run_annotate_dry(parent, {"add": "canny"})
    assert [task.shard_index for task in stale.manifest.missing] == [1]
    with pytest.raises(ConfigError, match="--dry-run must make at least 1 sample, got 0"):
        run_annotate_dry(parent, {"add": "canny"}, num_samples=0)


def test_the_help_names_every_annotator() -> None:
    shown = CliRunner().invoke(cli, ["annotate", "--help"]).output
    named = " ".join(shown.split()).partition("Annotators: ")[2].partition(", or the")[0]
    assert named.split(", ") == plugins.members("annotators")


def test_the_command_prints_a_sheet_for_each_annotator(parent: Path) -> None:
    line = ["annotate", str(parent), "--add=canny,mask", "--dry-run=4", "--price-per-gpu-hour=2"]
    said, codes = run_many(parent.parent, line)
    assert codes == [0] and not overlay_of(parent).parent.exists()
    assert said.count("Nothing was written.") == said.count("\nprice") == 2
    assert "canny.png" in said and "mask.png" in said and "index and receipts\n" in said
