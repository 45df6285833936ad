"""What is measured, on the closed-form teacher: the exact solution, orders, equal batches."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import pairgen
from pairgen.drawing.pictures import first_latents
from pairgen.errors import ConfigError, OutOfDeviceMemoryError, PairgenError
from pairgen.kinds.ode.calibration import Calibration, encode_calibration, read_calibration
from pairgen.sampling.grid import make_grid
from pairgen.seeding import noise_for
from pairgen.shards.storage.store import open_store
from pairgen.teachers._mixture import Mixture, exact_solution, mode_means
from pairgen.teachers.gaussian import describe
from tests.execution.test_faults import write_model, write_prompts

# 64-d, two modes a class: bends the paths, and takes a fraction of a second.
SMALL = "teacher: gaussian\noptions: {latent_shape: [1, 8, 8], num_modes: 8, num_classes: 4}\n"
ONE_MODE = "teacher: gaussian\noptions: {latent_shape: [1, 2, 4], num_modes: 1, num_classes: 1}\n"
NUMBERS = "dtype: float32\nbatch_size: 8\nsamples_per_shard: 8\n"


@pytest.fixture
def calibrate(tmp_path: Path, one_thread: None):
    """Calibrate a teacher of a config; return what was found."""

    def run(config: str = SMALL, out: str = "out", **options: object) -> Calibration:
        (tmp_path / "model.yaml").write_text(config + NUMBERS)
        given = {"model": str(tmp_path / "model.yaml"), "num_prompts": 6, "cfg": 3, **options}
        return pairgen.calibrate(**given, out=str(tmp_path / out)).calibration

    return run


def errors_of(found: Calibration, solver: str, spacing: str = "logsnr") -> dict[int, float]:
    """Return the median error by steps."""
    rows = (row for row in found.rows if row.asked)
    return {
        row.setting.steps: row.error.median
        for row in rows
        if (row.setting.solver, row.setting.spacing) == (solver, spacing)
    }


def test_the_error_falls_with_the_order_of_the_solver(calibrate):
    found = calibrate(
        solvers="ddim/logsnr,dpmpp_2m/logsnr,heun/logsnr",
        steps=[20, 30, 45],
        reference_steps=300,
    )
    for solver, order in (("ddim", 1), ("dpmpp_2m", 2), ("heun", 2)):
        errors = errors_of(found, solver)
        slope = -np.polyfit(np.log(list(errors)), np.log(list(errors.values())), 1)[0]
        assert slope == pytest.approx(order, abs=0.15), solver


def test_the_reference_is_the_exact_solution_and_has_no_error_against_itself(calibrate, tmp_path):
    found = calibrate(ONE_MODE, solvers="ddim/trailing", steps=20)
    mixture = Mixture(latent_shape=(1, 2, 4), num_modes=1, num_classes=1)
    noise = np.stack([noise_for(0, i, mixture.latent_shape, "float16") for i in range(6)])
    grid = make_grid(describe(location="").schedule, "logsnr", 200, "t0")
    mean = torch.from_numpy(mode_means(mixture)).view(1, *mixture.latent_shape)
    exact = exact_solution(
        torch.from_numpy(noise).double(),
        (grid.alphas[0], grid.sigmas[0]),
        (grid.alphas[-1], grid.sigmas[-1]),
        mean=mean,
        std=mixture.mode_std,
    ).numpy()
    kept = np.load(tmp_path / "out/reference-200.npy", allow_pickle=False)
    assert kept.dtype == np.float32
    errors = np.linalg.norm((kept - exact).reshape(6, -1), axis=1)
    errors /= np.linalg.norm(exact.reshape(6, -1), axis=1)
    # Of order 2: its distance to the truth is a third of that to itself at half the steps.
    assert np.median(errors) == pytest.approx(found.halved.error.median / 3, rel=0.1)
    reference = found.row_of(found.reference)
    assert (reference.error.median, reference.error.p90) == (0, 0)


def test_results_do_not_depend_on_the_batch_size(calibrate):
    options = {"solvers": "ddim/trailing,heun/logsnr", "steps": [4, 10], "reference_steps": 40}
    eight, four, one = (
        calibrate(**options, tolerance="10%", batch_size=size, out=str(size)) for size in (8, 4, 1)
    )
    # Of six samples: a padded batch, a full and a padded one, six full ones.
    assert [found.rows[0].num_timed for found in (eight, four, one)] == [1, 2, 6]
    for other in (four, one):
        for a, b in zip(eight.rows, other.rows, strict=True):
            assert a.setting == b.setting
            assert a.error.median == pytest.approx(b.error.median, abs=1e-6)
            assert a.error.p90 == pytest.approx(b.error.p90, abs=1e-6)


def test_the_latents_are_those_that_the_dataset_holds(calibrate, tmp_path):
    prompts = write_prompts(tmp_path, ["a", "b", "c"])
    calibrate(
        prompts=prompts,
        cfg="2,5",
        num_prompts=7,
        seed=3,
        solvers="ddim/trailing",
        steps=5,
        reference_steps=100,
    )
    manifest = pairgen.ode(
        model=str(tmp_path / "model.yaml"),
        prompts=prompts,
        cfg="2,5",
        num_samples=14,
        samples_per_shard=8,
        seed=3,
        solver="heun",
        spacing="logsnr",
        steps=100,
        out=str(tmp_path / "set"),
        executor="serial",
    )
    _, scales, stored = first_latents(open_store(tmp_path / "set"), manifest, 14)
    assert scales == [2, 5] * 7
    kept = np.load(tmp_path / "out/reference-100.npy", allow_pickle=False)
    assert np.array_equal(kept.astype(np.float16), stored)


def test_several_scales_are_measured_apart_and_the_worse_one_counts(calibrate):
    options = {"solvers": "ddim/trailing", "steps": [10], "reference_steps": 100}
    both = calibrate(cfg="1,6", **options).rows[-1]
    alone = calibrate(cfg="6", out="alone", **options).rows[-1]
    assert set(both.errors) == {1.0, 6.0}
    assert both.errors[6.0] == alone.errors[6.0] == alone.error
    assert both.error.median == max(each.median for each in both.errors.values())
    assert both.evaluations == alone.evaluations == 20
    assert calibrate(cfg="1", out="plain", **options).rows[-1].evaluations == 10


def test_a_clean_end_is_compared_with_a_clean_end(calibrate):
    found = calibrate(end="clean", solvers="heun/logsnr", steps=[20, 40], reference_steps=200)
    errors = errors_of(found, "heun")
    assert {row.setting.end for row in found.rows} == {"clean"}
    assert errors[20] / errors[40] == pytest.approx(4, rel=0.2)


def test_bad_settings_are_far_off_and_leading_starts_elsewhere(calibrate):
    found = calibrate(
        cfg=6,
        solvers="ddim/trailing,ddim/leading,ddim/linspace,dpmpp_2m/logsnr",
        steps=[4, 40],
        tolerance="5%",
        reference_steps=100,
    )
    few = {row.setting.spacing: row for row in found.rows if row.setting.steps == 4}
    many = {row.setting.spacing: row for row in found.rows if row.setting.steps == 40}
    assert all(few[name].error.median > 3 * many[name].error.median for name in few)
    assert few["leading"].start_time == 751 and few["trailing"].start_time == 999
    assert found.chosen == many["logsnr"]


def test_a_reference_that_is_not_converged_is_refused(calibrate, tmp_path):
    options = {"solvers": "ddim/trailing", "steps": 5, "tolerance": "1%"}
    with pytest.raises(PairgenError, match=r"not converged: with 5 instead of 10.*-steps 20") as e:
        calibrate(reference_steps=10, **options)
    assert e.value.exit_code == 1
    with pytest.raises(ConfigError, match=r"not converged.* with more --reference-steps"):
        read_calibration(str(tmp_path / "out"))
    # More steps in the same folder start again, and the folder is not in the way.
    assert calibrate(reference_steps=140, **options).converged


def test_half_precision_and_latents_that_are_not_finite(tmp_path):
    model = write_model(tmp_path)
    options = {"model": model, "cfg": 3, "solvers": "heun/logsnr,ddim/trailing", "steps": [5, 20]}
    options |= {"reference_steps": 100, "dtypes": "float16,float32"}
    out = str(tmp_path / "out")
    prompts = write_prompts(tmp_path, ["a", "overflow", "b"])
    found = pairgen.calibrate(**options, prompts=prompts, num_prompts=3, out=out).calibration
    half = [row for row in found.rows if row.setting.dtype == "float16"]
    assert len(half) == 4 and len(found.rows) == 10
    assert all(row.error is None and row.num_not_finite == 1 for row in half)
    assert found.chosen.setting.dtype == "float32"
    assert "not finite" in (tmp_path / "out/calibration.md").read_text()

    prompts = write_prompts(tmp_path, ["a", "broken"])
    with pytest.raises(PairgenError, match="reference's latent for 'broken' is not finite"):
        pairgen.calibrate(**options, prompts=prompts, num_prompts=3, out=str(tmp_path / "b"))
    with pytest.raises(OutOfDeviceMemoryError, match="--batch-size 2"):
        pairgen.calibrate(**options, batch_size=4, out=str(tmp_path / "c"))


def test_a_lost_or_broken_reference_is_made_again_and_rows_stay(calibrate, tmp_path):
    options = {"solvers": "ddim/trailing", "reference_steps": 100}
    first = calibrate(steps=[5], **options)
    kept = tmp_path / "out/reference-100.npy"
    whole = kept.read_bytes()
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    altered = whole[:-9] + bytes(each ^ 1 for each in whole[-9:])
    for steps, broken in enumerate((whole[:-9], b"", buffer.getvalue(), altered), start=6):
        kept.write_bytes(broken)
        more = calibrate(steps=[5, steps], **options)
        assert kept.read_bytes() == whole
        assert more.row_of(first.rows[-1].setting) == first.rows[-1]


def test_another_calibration_in_the_folder_is_refused_by_name(calibrate, tmp_path):
    options = {"solvers": "ddim/trailing", "steps": [5], "reference_steps": 100}
    calibrate(**options)
    before = (tmp_path / "out/calibration.json").read_bytes()
    for change, named in (
        ({"cfg": 4}, r"cfg \(was 3, got 4\)"),
        ({"seed": 1}, "seed"),
        ({"negative_prompt": "ugly"}, "negative_prompt"),
        ({"num_prompts": 7}, "num_prompts"),
        ({"batch_size": 3}, "batch_size"),
        ({"end": "clean"}, "end"),
        ({"config": ONE_MODE}, "teacher.identity.num_modes"),
    ):
        with pytest.raises(ConfigError, match=f"holds another calibration.*{named}"):
            calibrate(**{**options, **change})
    assert (tmp_path / "out/calibration.json").read_bytes() == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").touch()
    with pytest.raises(ConfigError, match="holds other files"):
        calibrate(**options, out="mine")


def test_a_calibration_is_read_back_from_file_folder_and_url(calibrate, tmp_path):
    found = calibrate(solvers="heun/logsnr", steps=[40], reference_steps=100)
    for path in ("out", "out/", "out/calibration.json"):
        assert read_calibration(f"{tmp_path}/{path}") == found
    url = "memory://calibrations/one"
    open_store(url).put_bytes("calibration.json", encode_calibration(found))
    assert read_calibration(url) == read_calibration(f"{url}/calibration.json") == found


def test_a_folder_behind_a_url_is_continued(tmp_path, one_thread):
    (tmp_path / "model.yaml").write_text(SMALL + NUMBERS)
    given = {"model": str(tmp_path / "model.yaml"), "num_prompts": 6, "cfg": 3}
    given |= {"solvers": "ddim/trailing", "reference_steps": 60, "tolerance": "10%"}
    for steps, num_rows in (([5], 3), ([5, 9], 4)):
        found = pairgen.calibrate(**given, steps=steps, out="memory://calibrations/two")
        assert len(found.calibration.rows) == num_rows
    names = open_store("memory://calibrations/two").names("")
    assert names == ["calibration.json", "calibration.md", "calibration.png", "reference-60.npy"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a readable calibration.json"),
        ("[]", "is not a readable calibration.json"),
        ("{}", "is not a readable calibration.json"),
        ('{"format_version": 2}', "has format version 2; this pairgen reads 1"),
        ('{"format_version": 1}', "is not a readable calibration.json"),
    ],
)
def test_what_is_no_calibration_is_named(tmp_path, text, message):
    path = tmp_path / "calibration.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_calibration(str(path))


def test_an_absent_unfinished_or_undecided_calibration_is_no_start(calibrate, tmp_path):
    with pytest.raises(ConfigError, match="There is no calibration"):
        read_calibration(str(tmp_path / "absent"))
    found = calibrate(solvers="ddim/trailing", steps=[5], reference_steps=100)
    with pytest.raises(ConfigError, match=r"has chosen no setting: none is within.* of 2 %"):
        read_calibration(str(tmp_path / "out"))
    unfinished = replace(found, complete=False, tolerance=0.9)
    (tmp_path / "part.json").write_bytes(encode_calibration(unfinished))
    with pytest.raises(ConfigError, match="not finished"):
        read_calibration(str(tmp_path / "part.json"))
