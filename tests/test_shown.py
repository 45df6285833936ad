"""Results print in a few lines without data, and show as escaped tables in a notebook."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pairgen
from pairgen.jobs.calibrate.run import Calibrated
from pairgen.jobs.replay.outcome import Replay
from pairgen.jobs.report.run import Reported
from pairgen.jobs.restore.restorer import RestoredPicture, Restorer
from pairgen.jobs.restore.run import Restored
from pairgen.jobs.restore.tagger import Prompts
from pairgen.jobs.sample.samples import Samples
from pairgen.receipts import FailedSlot, Manifest, Manifests, Receipt
from pairgen.shards.check.report import Problem, Report
from pairgen.shards.loading.batch import Batch
from pairgen.shown import MAX_PICTURES, Shown, ShownTable
from pairgen.training.runs.outcome import Trained
from tests.jobs.restore.conftest import write_student
from tests.plans import small_plan

HOSTILE = "<script>alert(1)</script>\x1b[2J\nsecond line"


def check(result: Shown) -> str:
    """Check both forms of a result; return its text."""
    text, html = repr(result), result._repr_html_()
    lines = text.splitlines()
    assert 1 <= len(lines) <= 12, text
    assert max(map(len, lines)) <= 100, text
    assert lines[0].strip() and text == str(result)
    assert "tensor(" not in text and "array(" not in text and "\x1b" not in text
    assert "<script" not in html and "\x1b" not in html and len(html) < 4_000_000
    assert html.count("<img ") <= MAX_PICTURES
    return text


def pictures_in(result: Shown) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]*)"', result._repr_html_())
    return [Image.open(io.BytesIO(base64.b64decode(each))) for each in found]


def a_batch(num: int, **images: np.ndarray) -> Batch:
    return Batch(
        tensors={
            "latent.npy": torch.randn(num, 4, 64, 64),
            **{name: torch.from_numpy(value) for name, value in images.items()},
        },
        texts={"txt": (HOSTILE,) * num},
        indices=torch.arange(num),
        sets=torch.zeros(num, dtype=torch.int64),
        guidance_scale=torch.full((num,), 7.5),
        facts={"seed": torch.arange(num), "draw": ("x" * 1000,) * num},
    )


def test_a_batch_tells_its_shapes_and_no_values():
    text = check(a_batch(64))
    assert text.startswith("Batch of 64 samples\n")
    assert "float32 [64, 4, 64, 64] on cpu" in text
    assert "7.5, 7.5, 7.5, 7.5, ..." in text


def test_a_batch_shows_its_first_images_and_small():
    images = np.random.default_rng(0).integers(0, 256, (64, 512, 300, 3), np.uint8)
    depth = np.random.default_rng(0).integers(0, 65536, (64, 8, 9, 1), np.uint16)
    batch = a_batch(64, **{"png": images, "depth.png": depth})
    check(batch)
    shown = pictures_in(batch)
    assert len(shown) == MAX_PICTURES
    assert [each.size for each in shown[:2]] == [(150, 256), (9, 8)]
    assert np.array_equal(np.asarray(shown[1]), depth[0, ..., 0] >> 8)
    assert "The first 12 of 128 pictures." in batch._repr_html_()


def test_what_others_wrote_is_shown_and_never_obeyed():
    class Hostile(Shown):
        def shown(self) -> ShownTable:
            rows = [(HOSTILE, "s3://KEY:SECRET@bucket/set")] * 100
            return ShownTable(HOSTILE, rows, (HOSTILE, HOSTILE))

        def shown_pictures(self):
            return [(f'"{HOSTILE}', lambda: np.zeros((2, 2, 3), np.uint8))]

    text = check(Hostile())
    assert "SECRET" not in text + Hostile()._repr_html_()
    assert text.endswith("and 91 more") and len(text.splitlines()) == 12
    assert 'alt="&quot;&lt;script' in Hostile()._repr_html_()


def test_columns_that_do_not_fit_are_left_out_whole_and_named():
    class Wide(Shown):
        def shown(self) -> ShownTable:
            head = ("", *(f"figure {i}" for i in range(12)))
            return ShownTable("Wide", [(f"row {j}", *["0.1234"] * 12) for j in range(20)], head)

    text = check(Wide())
    head, *rows, more, last = text.splitlines()[1:]
    assert head.split("  ")[-1] == "figure 7" and rows[0].endswith("0.1234")
    assert (
        "and 12 more" in more
        and last == "  columns left out here: figure 8, figure 9, figure 10, figure 11"
    )
    assert "figure 11" in Wide()._repr_html_()


def test_a_page_tells_where_it_is(tmp_path: Path):
    (tmp_path / "a page.html").write_bytes(b"x" * 1_200_000)
    text = check(Reported(tmp_path / "a page.html"))
    assert text.startswith(f"Page: {tmp_path}") and "/a%20page.html" in text and "1.2 MB" in text


def test_an_inspection_shows_no_json(tmp_path: Path):
    pairgen.degrade(scales="2", crop=64, executor="serial", out=tmp_path)
    text = check(pairgen.inspect(tmp_path))
    assert "realesrgan" in text and "unsharp_mask" in text and "{" not in text


def a_receipt(count: int = 8) -> Receipt:
    failed = tuple(FailedSlot(index=i, reason="x" * 500) for i in range(count))
    return Receipt(
        shard_index=0,
        start=0,
        stop=2 * count,
        count=count,
        num_bytes=123_456_789,
        sha256="ab" * 32,
        index_sha256="cd" * 32,
        fingerprint="ef" * 32,
        failed=failed,
        made={"device": "cpu", "dtype": "float32", "versions": {"torch": "2" * 300}},
    )


def test_manifests_plans_and_receipts():
    plan = small_plan([7.5], num_inputs=24)
    manifest = Manifest(plan=plan, receipts=(a_receipt(),), missing=tuple(plan.tasks()[1:]))
    assert "8 of 24 samples, not complete" in check(manifest)
    assert "123.5 MB" in check(a_receipt())
    check(plan)
    several = Manifests([manifest] * 20)
    assert check(several).startswith("20 manifests\n")
    assert isinstance(several, list) and several[0] is manifest
    check(Manifests())


def test_reports_of_clean_and_of_broken_sets():
    numbers = dict.fromkeys(
        ("num_recorded_samples", "num_recorded_bytes", "num_read", "num_samples", "num_checked"), 3
    )
    clean = Report(num_shards=1, num_bytes=10, **numbers)
    assert check(clean).startswith("Report: Clean.")
    problems = tuple(Problem("sha256", f"train/{i:05d}.tar", HOSTILE, i) for i in range(300))
    broken = Report(
        num_shards=300, num_bytes=10, problems=problems, num_by_kind={"sha256": 300}, **numbers
    )
    assert check(broken).startswith("Report: Not clean: 300 problems.")


def test_what_commands_return(tmp_path: Path):
    pictures = np.zeros((30, 64, 64, 3), np.uint8)
    samples = Samples((HOSTILE,) * 30, (7.5,) * 30, pictures, tmp_path, 2, False)
    assert check(samples).startswith("Samples: 30 images of 64 x 64 px\n")
    refused = [{"name": HOSTILE, "reason": "x" * 400}] * 50
    check(
        Restored(
            url="out",
            num_pictures=60,
            num_made=10,
            num_before=0,
            rejected=refused,
            interrupted=True,
            too_many_rejected=True,
        )
    )
    check(Replay("000000000", ("x" * 500,) * 40, ("torch: there 1, here 2",) * 9, 1.0))
    check(Replay("000000000", (), (), 1.0, equal=("json", "txt")))
    (tmp_path / "grids").mkdir()
    Image.new("RGB", (3000, 1000)).save(tmp_path / "grids/00000001.png")
    trained = Trained(tmp_path, 1000, False, following="pairgen sample --model x")
    assert check(trained).startswith("Trained: 1,000 steps\n")
    assert [each.size for each in pictures_in(trained)] == [(768, 256)]
    for shape in ((4, 5), (4, 5, 1), (4, 5, 2), (4, 5, 3), (4, 5, 4)):
        restored = RestoredPicture(np.zeros(shape, np.uint16), Prompts((HOSTILE,) * 30))
        check(restored)
        assert [each.size for each in pictures_in(restored)] == [(5, 4)]
    set_ = pairgen.TrainingSet("s3://KEY:SECRET@bucket/set", 2, ["overlay"] * 30)
    assert "SECRET" not in check(set_)


def test_a_restorer(tmp_path: Path, sd15_folder: Path):
    restorer = Restorer(write_student(tmp_path / "student", sd15_folder))
    assert "scale" in check(restorer)


@pytest.mark.slow
def test_results_of_real_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    ode = {"model": "tiny", "cfg": 4, "steps": 1, "executor": "serial", "num_samples": 8}
    check(pairgen.ode(**ode, out="pairs"))
    pairgen.ode(**ode, seed=1, out="held-out")
    check(pairgen.verify("pairs"))
    check(pairgen.status("pairs"))
    check(pairgen.inspect("pairs"))
    inspected = pairgen.inspect("pairs", "0", "3", grid="grid.png")
    check(inspected)
    assert len(pictures_in(inspected)) == 1
    check(pairgen.replay("pairs", "0"))
    pairgen.degrade(scales=4, crop=64, executor="serial", out="degraded")
    check(pairgen.annotate("degraded", add="canny", executor="serial"))
    loader = pairgen.Loader("pairs", fields=["latent.npy", "txt"], facts=["seed"], batch_size=4)
    assert check(loader).startswith("Loader: 8 samples an epoch, 2 batches of 4\n")
    check(next(iter(loader)))
    measured = pairgen.calibrate(
        model="gaussian", num_prompts=2, solvers="heun/logsnr", steps=[4, 8], out="calibration"
    )
    assert isinstance(measured, Calibrated)
    check(measured)
    check(measured.calibration)
    check(pairgen.train("regression", data="pairs", out="run", steps=1, batch_size=4))
    for judged in (
        pairgen.evaluate("run", data="held-out", teacher_steps=1),
        pairgen.compare("run", data="held-out", teacher_steps=1, out="compared"),
    ):
        assert "end points" in check(judged)
