"""`pairgen eval` of students that make images from images: figures recomputed, what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline
from PIL import Image

import pairgen
from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.evaluation.fidelity import psnr, ssim
from pairgen.evaluation.frechet import frechet_distance, statistics
from pairgen.evaluation.judge import load_judge
from pairgen.evaluation.protocols import REAL_ISR, RGB
from pairgen.evaluation.sharpness import band_energies
from pairgen.jobs.eval.cost import ledger_table
from pairgen.judging.table import figure_table

NUM = 140


def held_out(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return LR and HR of all held-out pairs, in their order."""
    loader = pairgen.Loader(folder / "held", fields=["lr4.png", "png"], batch_size=NUM)
    batch = next(iter(loader))
    order = batch.indices.argsort()
    return batch["lr4.png"][order].numpy(), batch["png"][order].numpy()


def psnr_by_hand(found: np.ndarray, target: np.ndarray) -> float:
    """Return the mean over the images, of Y as OSEDiff's script has it."""
    weights = np.array([65.481, 128.553, 24.966]) / 255
    errors = (((found.astype(float) - target) @ weights) ** 2).reshape(len(found), -1).mean(axis=1)
    return float(np.mean(10 * np.log10(1 / (errors / 255**2 + 1e-8))))


def levels(images: torch.Tensor) -> np.ndarray:
    return np.round((images.permute(0, 2, 3, 1).numpy() + 1) * 127.5).astype(np.uint8)


def image(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.permute(0, 3, 1, 2).float() / 127.5 - 1


def features(pictures: np.ndarray) -> np.ndarray:
    return load_judge().features(image(torch.from_numpy(pictures)))


def test_figures_are_those_computed_by_hand(call, folder):
    code, out, err = call("run", "--data=held", "--batch-size=50", "--cpu-threads=1")
    assert code == 0, err
    assert "140 of 140 pairs; student: restoration of lr4.png." in err
    assert "140 of 140 images (100.0 %)" in err
    found = json.loads((folder / "run/eval/eval.json").read_text())
    assert figure_table(found) in out and ledger_table(found) in out
    target, enlarged, student = found["rows"]
    assert [row["name"] for row in found["rows"]] == ["target", "given, enlarged", "student"]

    given, targets = held_out(folder)
    larger = F.interpolate(image(torch.from_numpy(given)), scale_factor=4, mode="bicubic")
    bicubic = levels(larger.clamp(-1, 1))
    assert (target["psnr_db"], target["equal_pictures"]) == (pytest.approx(80), 1)
    assert "equal" in out and "80.00" not in out
    assert enlarged["psnr_db"] == pytest.approx(psnr_by_hand(bicubic, targets))
    assert enlarged["ssim"] == pytest.approx(ssim(bicubic, targets, REAL_ISR).mean())
    finest = band_energies(image(torch.from_numpy(bicubic)))[:, 0].numpy()
    assert enlarged["finest_band_energy"] == pytest.approx(np.median(finest), rel=1e-5)
    assert target["finest_band_energy"] > enlarged["finest_band_energy"]
    assert found["protocol"] == json.loads(json.dumps(REAL_ISR.facts()))
    assert f"PSNR, SSIM: {REAL_ISR.label}: Y of YCbCr, 16 to 235, no border cut" in out
    distances = np.linalg.norm(features(bicubic).astype(float) - features(targets), axis=1)
    assert enlarged["feature_distance"] == pytest.approx(np.median(distances), rel=1e-5)
    assert target["feature_distance"] == 0
    assert target["frechet_distance"] == pytest.approx(0, abs=1e-9)
    assert 0 < target["frechet_distance_halves"] < enlarged["frechet_distance_halves"]
    a, b = statistics(features(bicubic)), statistics(features(targets))
    expected = frechet_distance(a.mean, a.cov, b.mean, b.cov)
    assert enlarged["frechet_distance"] == pytest.approx(expected, rel=1e-5)

    # The student's, by the parts that diffusers loads.
    made = by_diffusers(folder / "run/student", larger.clamp(-1, 1), time=700)
    assert student["psnr_db"] == pytest.approx(psnr_by_hand(levels(made), targets), abs=0.01)
    distances = np.linalg.norm(features(levels(made)).astype(float) - features(targets), axis=1)
    assert student["feature_distance"] == pytest.approx(np.median(distances), rel=1e-3)
    assert student["evaluations_per_picture"] == 1 and student["seconds_per_picture"] > 0
    assert target["seconds_per_picture"] is None
    with Image.open(folder / "run/eval/grid.png") as grid:
        # Given, bicubic, student, target of eight samples.
        assert grid.size[0] == 10 + 4 * (128 + 10)
    page = (folder / "run/eval/index.html").read_text(encoding="utf-8")
    # Eight pairs band by band, then four worst and four best.
    assert page.count('<img src="data:') == 4 * 8 + 4 * 8
    assert REAL_ISR.label in page
    worst, best = found["cases"]["worst"], found["cases"]["best"]
    ranked = np.argsort(-distances, kind="stable")
    assert [int(each["key"]) for each in worst] == ranked[:4].tolist()
    assert {int(each["key"]) for each in best} == {*ranked[-4:].tolist()}
    assert best[0]["feature_distance"] == pytest.approx(distances.min(), rel=1e-3)
    assert f">distance {worst[0]['feature_distance']:.3f}</p>" in page
    assert f"<li>{worst[0]['key']}</li>" in page and "Worst cases" in page
    assert "restoration: lr4.png to png" in page

    assert found["missing"] == {}
    assert found["not_meaningful"].keys() == {
        "feature_distance",
        "frechet_distance",
        "frechet_distance_halves",
    }
    assert "does not know the words" in out and "made for 64 x 64 px, these are 16 x 16" in out
    # 4 steps of 4 samples, an image pair costs no evaluation.
    assert found["ledger"]["together"]["evaluations"] == 4 * 4 * 3
    assert "No break-even: no teacher makes these images" in out
    assert found["recipe"]["source"] == "lr4.png" and found["data"]["kind"] == "degrade"

    # The noises belong to the samples: other batches make the same images, but for rounding.
    again = pairgen.evaluate("run", data="held", batch_size=7, cpu_threads=1)
    for name in ("psnr_db", "feature_distance"):
        assert again.figures["rows"][2][name] == pytest.approx(student[name], rel=1e-3)


def by_diffusers(student: Path, larger: torch.Tensor, time: float) -> torch.Tensor:
    """Return the images of a student that starts at the image's latent, in one step."""
    pipe = StableDiffusionPipeline.from_pretrained(student, safety_checker=None)
    scale, alpha = pipe.vae.config.scaling_factor, pipe.scheduler.alphas_cumprod[int(time)] ** 0.5
    with torch.no_grad():
        text = pipe.encode_prompt("a cat", "cpu", 1, False)[0].expand(len(larger), -1, -1)
        x = scale * pipe.vae.encode(larger).latent_dist.mode()
        x0 = (x - (1 - alpha**2) ** 0.5 * pipe.unet(x, time, text).sample) / alpha
        return pipe.vae.decode(x0 / scale).sample.clamp(-1, 1)


def same_figures(row: dict, other: dict) -> bool:
    """Whether all but the name agree; the evaluation net's last bits depend on where arrays lie."""
    names = [name for name, value in row.items() if isinstance(value, float)]
    assert names == [name for name, value in other.items() if isinstance(value, float)]
    return [row[name] for name in names] == pytest.approx(
        [other[name] for name in names], rel=1e-5, abs=1e-5
    )


def test_other_systems_and_subsets_have_rows_of_the_same_pairs(call, folder):
    given, targets = held_out(folder)
    larger = F.interpolate(image(torch.from_numpy(given)), scale_factor=4, mode="bicubic")
    enlarged_by_hand = levels(larger.clamp(-1, 1))
    for name in ("bicubic", "perfect"):
        (folder / name).mkdir(exist_ok=True)
    for key, picture in enumerate(enlarged_by_hand):
        if key % 7:
            Image.fromarray(picture).save(folder / f"bicubic/{key:09}.png")
        Image.fromarray(targets[key]).save(folder / f"perfect/{key:09}.lr4.png")
    code, out, err = call(
        *("run", "--data=held", "--out=others", "--protocol=rgb", "--cpu-threads=1"),
        *("--beside=bicubic=bicubic", "--beside=perfect=perfect"),
        "--subset=bees=contains(prompt, 'bee')",
    )
    assert code == 0, err
    assert (
        "000000028 and 15 more.\nAll rows are of the 120 of 140 pairs that every folder has." in err
    )
    found = json.loads((folder / "others/eval.json").read_text())
    assert figure_table(found) in out and found["data"]["num_samples"] == 120
    target, enlarged, bicubic, perfect, student = found["rows"]
    assert same_figures(bicubic, enlarged) and same_figures(perfect, target)
    assert target["psnr_db"] is None and target["equal_pictures"] == 1
    used = np.arange(NUM) % 7 > 0
    expected = psnr(enlarged_by_hand[used], targets[used], RGB)
    assert enlarged["psnr_db"] == pytest.approx(expected.mean())
    assert student["evaluations_per_picture"] == 1 and bicubic["seconds_per_picture"] is None

    (bees,) = found["subsets"]
    assert f"bees: {bees['num_samples']} pairs, contains(prompt, 'bee')\n" in out
    bee = np.arange(NUM)[used] < NUM // 2
    assert bees["num_samples"] == bee.sum() == 60
    assert bees["rows"][1]["psnr_db"] == pytest.approx(expected[bee].mean())
    assert "needs at least 65 pairs, has" in bees["missing"]["frechet_distance"]
    assert "frechet_distance" not in found["missing"]
    with Image.open(folder / "others/grid.png") as grid:
        # Given, bicubic, two others, student, target.
        assert grid.size[0] == 10 + 6 * (128 + 10)

    # An infinite mean of some equal images is not one of all, nor one that cannot be computed.
    for change, shown in (({}, "infinite"), ({"missing": {"psnr_db": "too small"}}, "-")):
        rows = [{**student, "psnr_db": None, "equal_pictures": 0.1}]
        cells = figure_table({**found, "rows": rows, **change}).splitlines()[1].split()
        assert cells[3] == shown

    # Rows of another protocol are not put in the same table.
    assert student["protocol"] == RGB.label
    mixed = {**found, "rows": [*found["rows"], {**student, "protocol": REAL_ISR.label}]}
    with pytest.raises(ConfigError, match=f"not comparable: {REAL_ISR.label}, {RGB.label}"):
        figure_table(mixed)


def test_a_conditional_student_has_no_psnr_and_its_condition_is_shown(call, folder):
    code, out, err = call("conditional", "--data=held", "--num-samples=9", "--cpu-threads=1")
    assert code == 0, err
    found = json.loads((folder / "conditional/eval/eval.json").read_text())
    assert [row["name"] for row in found["rows"]] == ["target", "student"]
    assert all("psnr_db" not in row and "ssim" not in row for row in found["rows"])
    assert found["protocol"] is None and found["rows"][1]["finest_band_energy"] < 0
    assert "PSNR" not in figure_table(found)
    # What is explained is what the table has.
    assert "PSNR" not in out and "to real" not in out and "\nfinest band  log" in out
    assert "No Frechet: needs at least 65 pairs, has" in out
    with Image.open(folder / "conditional/eval/grid.png") as grid:
        # Condition, student, target.
        assert grid.size[0] == 10 + 3 * (128 + 10)
    page = (folder / "conditional/eval/index.html").read_text(encoding="utf-8")
    assert page.count('<p class="text" title="honey-bee">honey-bee</p>') == 8
    assert page.count('<img src="data:') == 3 * 8 + 3 * 8
    same = pairgen.evaluate("conditional", data="held", num_samples=9, cpu_threads=1).figures
    assert [row["feature_distance"] for row in same["rows"]] == [
        row["feature_distance"] for row in found["rows"]
    ]


def test_without_captions_the_evaluation_net_says_that_it_does_not_know(folder, tmp_path):
    photographs = packaged_assets() / "photographs/seeding.jpg"
    pairgen.degrade(
        images=str(photographs), out=str(tmp_path / "set"), crop=64, scales=4, executor="serial"
    )
    found = pairgen.evaluate(folder / "run", data=str(tmp_path / "set"), out=str(tmp_path / "out"))
    assert set(found.figures["not_meaningful"].values()) == {
        "the evaluation net was made for images of captions, these have none"
    }
