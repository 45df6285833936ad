"""`pairgen export --onnx`: ONNX Runtime gives the image that torch gives."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

import pairgen
from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.jobs.export.onnx_files import PACKAGES, run_onnx
from pairgen.seeding import noise_for
from pairgen.teachers import latent_diffusion
from tests.docs.pages import ROOT, blocks, read
from tests.runs import run_many

CPU = torch.device("cpu")
needs_onnx = pytest.mark.skipif(
    any(find_spec(name) is None for name in PACKAGES), reason="needs the extra pairgen[onnx]"
)
MODEL = """\
teacher: latent_diffusion
location: {location}
dtype: float32
batch_size: 4
samples_per_shard: 16
sampling: {{steps: {steps}, solver: ddim, spacing: '{spacing}', end: clean, cfg: {cfg}}}
"""


def write_student(folder: Path, steps: int = 1, spacing: str = "999", cfg: float = 1) -> Path:
    """Write a run whose student is the packaged teacher, sampled in one step."""
    folder.mkdir()
    tiny = packaged_assets() / "tiny"
    text = MODEL.format(location=tiny, steps=steps, spacing=spacing, cfg=cfg)
    (folder / "model.yaml").write_text(text)
    return folder


def image_in_float64(noise: np.ndarray, txt_emb: np.ndarray, alpha: float) -> torch.Tensor:
    """Return the image of the packaged teacher in one step, by diffusers and in float64."""
    folder, state = packaged_assets() / "tiny", torch.from_numpy(noise).double()
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet").double()
    vae = AutoencoderKL.from_pretrained(folder, subfolder="vae").double()
    with torch.no_grad():
        eps = unet(state, 999, torch.from_numpy(txt_emb).double()).sample
        latent = (state - (1 - alpha**2) ** 0.5 * eps) / alpha
        return vae.decode(latent / vae.config.scaling_factor).sample.clamp(-1, 1)


@needs_onnx
@pytest.mark.slow
def test_the_files_give_the_image_of_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_student(tmp_path / "run")
    exported = pairgen.export(run, onnx=tmp_path / "onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["onnx", "run"]
    assert "difference" in repr(exported)
    about = json.loads((exported.folder / "onnx.json").read_text())
    assert about["student"]["inputs"] == {
        "noise": ["batch", 4, 16, 16],
        "txt_emb": ["batch", 24, 128],
    }
    assert about["decoder"]["outputs"] == {"image": ["batch", 3, 64, 64]}

    teacher = latent_diffusion.build(
        location=str(packaged_assets() / "tiny"),
        device=CPU,
        dtype=torch.float32,
        negative_prompt="",
    )
    prompts = ["a 3d red apple on a white background", "a cat", "a flat panda"]
    embeddings = teacher.encode_prompts(prompts)
    noise = np.stack([noise_for(0, i, (4, 16, 16), "float32") for i in range(3)])
    time = torch.full((3,), 999.0, dtype=torch.float64)
    latent = teacher.predict(torch.from_numpy(noise), time, embeddings, None)[0]
    given = {"noise": noise, "txt_emb": embeddings.tensors["txt_emb"].numpy()}
    found = torch.from_numpy(run_onnx(exported.folder / "student.onnx", given))
    alpha, _ = teacher.schedule.alpha_sigma(time)
    # The latent is the network's output divided by alpha, 0.07.
    assert float((found - latent).abs().max() * alpha[0]) < 1e-5
    decoded = run_onnx(exported.folder / "decoder.onnx", {"latent": latent.numpy()})
    image = teacher.decode(latent)
    assert float((torch.from_numpy(decoded) - image).abs().max()) < 1e-5
    whole = torch.from_numpy(run_onnx(exported.folder / "decoder.onnx", {"latent": found.numpy()}))
    difference = (whole - image).abs()
    # torch's own latents differ as much when its batch is another.
    assert float(difference.mean()) < 1e-5 and float(difference.max()) < 1e-4
    # What is left is float32 itself: from the image in float64, torch's is as far away.
    exact = image_in_float64(noise, given["txt_emb"], alpha[0].item())
    by_onnx, by_torch = (whole - exact).abs(), (image - exact).abs()
    assert float(by_onnx.max()) < 2 * float(by_torch.max()) < 1e-4
    assert float(by_onnx.mean()) < 1.5 * float(by_torch.mean()) < 1e-5

    # The script of the page, in a folder where its paths lead to the same student.
    (tmp_path / "runs/student").mkdir(parents=True)
    (tmp_path / "runs/student/student").symlink_to(packaged_assets() / "tiny")
    (tmp_path / "student-onnx").symlink_to(exported.folder)
    monkeypatch.chdir(tmp_path)
    (script,) = [each for each in blocks(read(ROOT / "docs/export.md")) if each.file]
    names: dict[str, Any] = {}
    exec(script.text, names)
    noise = torch.from_numpy(names["noise"])
    cat = teacher.predict(noise, time[:1], teacher.encode_prompts(["a cat"]), None)[0]
    difference = (torch.from_numpy(names["image"]) - teacher.decode(cat)).abs()
    assert float(difference.mean()) < 1e-5 and float(difference.max()) < 1e-4


@needs_onnx
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 2, "spacing": "999,499"}, "takes 2 steps of ddim: .* of one step"),
        ({"cfg": 3}, "sampled with guidance, in two evaluations"),
    ],
)
def test_another_model_is_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    run = write_student(tmp_path / "run", **options)
    with pytest.raises(ConfigError, match=message):
        pairgen.export(run, onnx=tmp_path / "onnx")
    with pytest.raises(ConfigError, match="as many steps as are asked for"):
        pairgen.export("tiny", onnx=tmp_path / "onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_folder_that_exists_and_missing_packages_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_student(tmp_path / "run")
    with pytest.raises(ConfigError, match="a folder that does not exist yet"):
        pairgen.export(run, onnx=run)
    with pytest.raises(ConfigError, match="onnx must be given"):
        pairgen.export(run)
    said, codes = run_many(tmp_path, ["export", "run", "--onnx", "run"])
    assert (
        codes == [2] and said.startswith("Error: --onnx must be a folder") and said.count("\n") == 1
    )
    monkeypatch.setattr("pairgen.jobs.export.onnx_files.PACKAGES", ("onnx_that_is_not",))
    with pytest.raises(ConfigError, match=r"needs onnx_that_is_not: pip install 'pairgen\[onnx\]'"):
        pairgen.export(run, onnx=tmp_path / "onnx")
