"""A LoRA merged into a teacher, beside diffusers' `load_lora_weights` and `fuse_lora`."""

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from diffusers.utils import convert_state_dict_to_diffusers
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

import pairgen
from pairgen.errors import TeacherLoadError
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.teachers import latent_diffusion
from pairgen.teachers._pretrained.quiet import quiet
from tests.teachers.test_latent_diffusion import (
    build,
    ddim_scheduler,
    identity,
    load_pipeline,
    relative_difference,
    run_diffusers,
    run_ours,
)

pytestmark = pytest.mark.usefixtures("one_thread")
ATTENTION = ["to_q", "to_k", "to_v", "to_out.0"]
FILE = "pytorch_lora_weights.safetensors"


@pytest.fixture(autouse=True)
def any_peft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let transformers take the peft that is there, whatever version it asks for."""
    monkeypatch.setattr("transformers.integrations.peft.check_peft_version", lambda **_: None)


def write_lora(model: Path, folder: Path, *, targets: list[str], with_alpha: bool) -> Path:
    """Write a random LoRA of rank 4 and alpha 8, as diffusers' training scripts do."""
    of_sdxl = (model / "text_encoder_2").is_dir()
    cls = StableDiffusionXLPipeline if of_sdxl else StableDiffusionPipeline
    pipeline, generator = load_pipeline(cls, model), torch.Generator().manual_seed(3)
    layers, metadata = {}, {}
    for part in ("unet", "text_encoder", *(["text_encoder_2"] if of_sdxl else [])):
        network = getattr(pipeline, part)
        # diffusers' older names of keys: of attention alone, or it reads the file in part.
        older = targets == ATTENTION
        own = targets if part == "unet" else ["q_proj", "v_proj", *([] if older else ["fc1"])]
        network.add_adapter(LoraConfig(r=4, lora_alpha=8, target_modules=own))
        for name, weight in network.named_parameters():
            if "lora_" in name:
                weight.data = 0.1 * torch.randn(weight.shape, generator=generator)
        found = get_peft_model_state_dict(network)
        layers[f"{part}_lora_layers"] = convert_state_dict_to_diffusers(found) if older else found
        if with_alpha:
            known = network.peft_config["default"].to_dict()
            metadata[f"{part}_lora_adapter_metadata"] = known
    cls.save_lora_weights(folder, **layers, **metadata)
    return folder


def fused(cls: Any, model: Path, lora: Path, scale: float) -> Any:
    pipeline = load_pipeline(cls, model)
    with quiet():
        pipeline.load_lora_weights(lora)
        pipeline.fuse_lora(lora_scale=scale)
        pipeline.unload_lora_weights()
    return pipeline


def compare(cls: Any, model: Path, lora: Path, scale: float) -> None:
    pipeline = fused(cls, model, lora, scale)
    theirs = run_diffusers(pipeline, ddim_scheduler(pipeline, "trailing", "t0"), 10)
    ours = run_ours(build(model, lora=f"{lora}:{scale}"), "ddim", "trailing", 10, "t0")
    assert relative_difference(ours, theirs) < 1e-5
    without = run_ours(build(model), "ddim", "trailing", 10, "t0")
    assert relative_difference(ours, without) > 1e-2


@pytest.mark.parametrize("with_alpha", [True, False])
def test_a_lora_equals_diffusers(sd15_folder, tmp_path, with_alpha):
    targets = [*ATTENTION, "proj_in", "ff.net.2", "conv1", "conv_shortcut", "downsamplers.0.conv"]
    lora = write_lora(sd15_folder, tmp_path / "lora", targets=targets, with_alpha=with_alpha)
    compare(StableDiffusionPipeline, sd15_folder, lora, 0.7)


def test_a_lora_of_xl_equals_diffusers(sdxl_folder, tmp_path):
    lora = write_lora(sdxl_folder, tmp_path / "lora", targets=ATTENTION, with_alpha=True)
    compare(StableDiffusionXLPipeline, sdxl_folder, lora, 1.0)


def test_a_lora_of_kohya_equals_diffusers(sd15_folder, tmp_path):
    lora = write_lora(sd15_folder, tmp_path / "lora", targets=ATTENTION, with_alpha=False)
    tensors = {}
    for key, tensor in load_file(lora / FILE).items():
        if key.startswith("unet."):
            layer, _, what = key.removeprefix("unet.").rpartition(".lora")
            name = f"lora_unet_{layer.replace('.', '_')}"
            which = "down" if what.startswith(("_A", ".down")) else "up"
            tensors[f"{name}.lora_{which}.weight"] = tensor
            tensors[f"{name}.alpha"] = torch.tensor(2.0)
    file = tmp_path / "kohya.safetensors"
    save_file(tensors, file)
    compare(StableDiffusionPipeline, sd15_folder, file, 0.5)


def test_a_lora_is_part_of_the_identity(sd15_folder, tmp_path, monkeypatch):
    lora = write_lora(sd15_folder, tmp_path / "lora", targets=ATTENTION, with_alpha=True)
    found = latent_diffusion.describe(location=str(sd15_folder), lora=f"{lora}:0.5").identity
    assert found == {
        **identity(sd15_folder),
        "lora_sha256": found["lora_sha256"],
        "lora_scale": 0.5,
    }
    assert len(found["lora_sha256"]) == 64
    monkeypatch.chdir(tmp_path)
    asked = {"model": str(sd15_folder), "executor": "serial", "steps": 1, "out": "set"}
    pairgen.ode(**asked, lora="lora:0.5", num_samples=2, samples_per_shard=1)
    plan = read_plan(open_store("set"))
    assert plan.teacher["identity"] == found
    # Another call goes on with it, from wherever it is made.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    pairgen.ode(out="../set", num_samples=3, executor="serial")
    assert read_plan(open_store("../set")).fingerprint() == plan.fingerprint()
    assert pairgen.verify("../set").clean


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unet.nothing.lora_A.weight": (4, 8)}, "1 of its .* unet.nothing.lora_A.weight"),
        ({"lora_unet_input_blocks_1.lora_down.weight": (4, 8)}, "lora_unet_input_blocks_1"),
        ({"unet.conv_in.lora_A.weight": (4, 4, 3, 3)}, "lacks B of unet.conv_in"),
        (
            {"unet.conv_in.lora_A.weight": (4, 5), "unet.conv_in.lora_B.weight": (32, 4)},
            r"unet.conv_in is \[32, 4, 3, 3\], and its matrices are \[4, 5\] and \[32, 4\]",
        ),
    ],
)
def test_a_lora_that_does_not_fit_is_refused_by_its_keys(sd15_folder, tmp_path, change, message):
    file, out = tmp_path / "lora.safetensors", tmp_path / "out"
    save_file({key: torch.ones(shape) for key, shape in change.items()}, file)
    with pytest.raises(TeacherLoadError, match=message) as caught:
        pairgen.ode(model=str(sd15_folder), lora=str(file), out=str(out), executor="serial")
    assert str(file) in str(caught.value)
    assert not out.exists()


@pytest.mark.parametrize("given", ["nowhere.safetensors", "nowhere:0.5", ".", "x.bin:1"])
def test_what_is_no_lora_is_refused(sd15_folder, tmp_path, given, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TeacherLoadError, match=r"lora must be a \.safetensors file, or a"):
        pairgen.ode(model=str(sd15_folder), lora=given, out="out", executor="serial")
    assert not (tmp_path / "out").exists()
