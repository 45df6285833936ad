"""Weight files as people have them: variants, cut into parts, and what is no model of diffusers."""

import logging
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file

import pairgen
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.teachers import latent_diffusion
from pairgen.teachers._pretrained.quiet import quiet
from tests.teachers.cut_weights import ORDERS, TEXT, UNET, VAE, cut, rename
from tests.teachers.test_hub import COMMIT, hub  # noqa: F401
from tests.teachers.test_latent_diffusion import (
    build,
    copy,
    edit_json,
    export,
    load_pipeline,
    run_ours,
)
from tests.true_classes import PROMPTS

pytestmark = pytest.mark.usefixtures("one_thread")


def same(teacher: Any, other: Any) -> bool:
    ours, theirs = (run_ours(each, "ddim", "trailing", 2, "t0") for each in (teacher, other))
    return torch.equal(ours, theirs)


def test_a_folder_of_one_variant_alone_is_taken_and_said(sd15_folder, tmp_path, caplog):
    folder = rename(copy(sd15_folder, tmp_path), "fp16")
    with caplog.at_level(logging.WARNING, "pairgen"):
        teacher = build(folder)
    told = [line for line in caplog.messages if str(folder) in line]
    assert told[0] == f"{folder} has only fp16 files of {UNET}: taking them (variant: fp16)."
    assert same(teacher, build(sd15_folder))
    assert torch.equal(
        teacher.decode(torch.ones(1, 4, 8, 8)), build(sd15_folder).decode(torch.ones(1, 4, 8, 8))
    )


def test_parts_without_the_variant_are_read_from_their_plain_files(sd15_folder, tmp_path, caplog):
    folder = rename(copy(sd15_folder, tmp_path), "fp16", [UNET])
    with caplog.at_level(logging.WARNING, "pairgen"):
        teacher = build(folder, variant="fp16")
    assert f"{folder} has no fp16 files of {TEXT}: taking those without a variant." in (
        caplog.messages
    )
    assert same(teacher, build(sd15_folder))
    # As diffusers does; where no part has it, it refuses too.
    theirs = StableDiffusionPipeline.from_pretrained(folder, variant="fp16", safety_checker=None)
    assert torch.equal(
        theirs.encode_prompt(list(PROMPTS), "cpu", 1, do_classifier_free_guidance=False)[0],
        teacher.encode_prompts(PROMPTS).tensors["txt_emb"],
    )
    for call in (build, describe):
        with pytest.raises(TeacherLoadError, match=rf"lacks {UNET}\.bf16\.safetensors; there are"):
            call(sd15_folder, variant="bf16")


def describe(folder: Path, **options: str) -> Any:
    return latent_diffusion.describe(location=str(folder), **options)


def test_several_variants_are_a_choice(sd15_folder, tmp_path):
    folder = rename(copy(sd15_folder, tmp_path), "fp16", [UNET])
    shutil.copy(folder / f"{UNET}.fp16.safetensors", folder / f"{UNET}.non_ema.safetensors")
    with pytest.raises(TeacherLoadError, match="variant: fp16 or variant: non_ema"):
        build(folder)
    assert same(build(folder, variant="non_ema"), build(sd15_folder))


@pytest.mark.parametrize("order", list(ORDERS))
@pytest.mark.parametrize("stem", [UNET, TEXT])
def test_cut_weights_are_read_by_their_index(sd15_folder, tmp_path, order, stem):
    folder = copy(sd15_folder, tmp_path)
    cut(folder, order, stem)
    described = describe(folder)
    teacher = build(folder)
    assert same(teacher, build(sd15_folder))
    assert len(described.identity["weights_sha256"]) == 64


def test_what_diffusers_cuts_is_read(sd15_folder, tmp_path):
    folder = copy(sd15_folder, tmp_path)
    (folder / f"{UNET}.safetensors").unlink()
    network = UNet2DConditionModel.from_pretrained(sd15_folder / "unet")
    network.save_pretrained(folder / "unet", max_shard_size="300KB", variant="fp16")
    assert len(list(folder.glob("unet/*.fp16-*-of-*.safetensors"))) > 1
    assert same(build(folder), build(sd15_folder))


def test_a_missing_part_is_named(sd15_folder, tmp_path):
    folder = copy(sd15_folder, tmp_path)
    parts = cut(folder, "first")
    parts[1].unlink()
    for call in (build, describe):
        with pytest.raises(TeacherLoadError) as caught:
            call(folder)
        assert str(caught.value) == (
            f"{folder} lacks {UNET}.fp16-00002-of-00003.safetensors, 1 of the 3 parts that "
            f"{UNET}.safetensors.index.fp16.json names."
        )


@pytest.mark.parametrize("name", ["../other/x.safetensors", "/etc/x.safetensors", "..", "x.bin"])
def test_an_index_names_files_beside_itself(sd15_folder, tmp_path, name):
    folder = copy(sd15_folder, tmp_path)
    cut(folder, "no variant")
    edit_json(folder / f"{UNET}.safetensors.index.json", weight_map={"conv_in.bias": name})
    with pytest.raises(TeacherLoadError, match=f"beside itself in weight_map, got {name!r}"):
        describe(folder)


@pytest.mark.parametrize("weight_map", [None, [], {}, {"a": 1}, "text"])
def test_an_index_without_names_is_refused(sd15_folder, tmp_path, weight_map):
    folder = copy(sd15_folder, tmp_path)
    cut(folder, "no variant")
    edit_json(folder / f"{UNET}.safetensors.index.json", weight_map=weight_map)
    with pytest.raises(TeacherLoadError, match="has no weight_map"):
        describe(folder)


def test_parts_without_an_index_are_told(sd15_folder, tmp_path):
    folder = copy(sd15_folder, tmp_path)
    cut(folder, "no variant")
    (folder / f"{UNET}.safetensors.index.json").unlink()
    with pytest.raises(TeacherLoadError, match="parts without their index, diffusion_pytorch_mod"):
        describe(folder)


@pytest.mark.parametrize("order", ["no variant", "first", "last"])
def test_a_hub_gives_the_parts_that_the_index_names(hub, sd15_folder, tmp_path, order):  # noqa: F811
    hub.folder = copy(sd15_folder, tmp_path, "cut")
    parts = {f"unet/{part.name}" for part in cut(hub.folder, order)}
    (hub.folder / "unet/other-00001-of-00002.safetensors").write_bytes(b"")
    variant = "" if order == "no variant" else "fp16"
    teacher = build("someone/small", variant=variant, revision=COMMIT)
    fetched = {name for name in hub.fetched if name.endswith(".safetensors")}
    assert fetched == {*parts, f"{TEXT}.safetensors"}
    assert same(teacher, build(sd15_folder))
    (hub.folder / sorted(parts)[0]).unlink()


def test_a_hub_that_has_one_variant_alone_gives_it(hub, sd15_folder, tmp_path):  # noqa: F811
    hub.folder = rename(copy(sd15_folder, tmp_path, "half"), "fp16")
    teacher = build("someone/small", revision=COMMIT)
    assert same(teacher, build(sd15_folder))
    assert f"{UNET}.fp16.safetensors" in hub.fetched
    num = len(hub.fetched)
    build("someone/small", revision=COMMIT)
    assert len(hub.fetched) == num


def test_a_part_that_a_hub_lacks_is_named(hub, sd15_folder, tmp_path):  # noqa: F811
    hub.folder = copy(sd15_folder, tmp_path, "cut")
    cut(hub.folder, "first")[2].unlink()
    with pytest.raises(TeacherLoadError, match=r"lacks unet/diff\w+\.fp16-00003-of-00003\.safete"):
        build("someone/small", revision=COMMIT)


def test_a_student_of_a_variant_has_plain_names(sd15_folder, tmp_path):
    folder = rename(copy(sd15_folder, tmp_path), "fp16", [VAE])
    cut(folder, "first", TEXT)
    student = export(folder, tmp_path)
    theirs = load_pipeline(StableDiffusionPipeline, student)
    ours = build(sd15_folder).encode_prompts(PROMPTS).tensors["txt_emb"]
    found = theirs.encode_prompt(list(PROMPTS), "cpu", 1, do_classifier_free_guidance=False)[0]
    assert torch.equal(found, ours)


def test_pickled_weights_are_converted_by_the_command_that_is_told(sd15_folder, tmp_path):
    folder = copy(sd15_folder, tmp_path)
    path = folder / f"{UNET}.safetensors"
    torch.save(load_file(path), path.with_suffix(".bin"))
    path.unlink()
    out = tmp_path / "out"
    with pytest.raises(TeacherLoadError, match="pickled files are never read, convert") as caught:
        pairgen.ode(model=str(folder), out=str(out), executor="serial")
    assert not out.exists()
    script = told_script(caught.value).replace("NEW", str(tmp_path / "new"))
    edit_json(folder / "model_index.json", safety_checker=[None, None])
    edit_json(folder / "model_index.json", feature_extractor=[None, None])
    with quiet():
        exec(script, {})
    assert same(build(tmp_path / "new"), build(sd15_folder))


def told_script(error: Exception) -> str:
    found = re.search(r'python -c "(.*?)"', str(error))
    assert found is not None, error
    return found[1]


def refused(model: Path, tmp_path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        pairgen.ode(model=str(model), out=str(tmp_path / "out"), executor="serial")
    assert not (tmp_path / "out").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_folder_of_diffusers_is_refused_with_what_to_do(
    sd15_folder, tmp_path, monkeypatch
):
    one = tmp_path / "dir/model.safetensors"
    one.parent.mkdir()
    save_file({"model.diffusion_model.x": torch.zeros(1)}, one)
    assert "StableDiffusionPipeline as P; P.from_single_file('" in refused(one, tmp_path)
    # Not the id of a hub, though it looks like one.
    monkeypatch.chdir(tmp_path)
    assert "is a checkpoint in one file" in refused(Path("dir/model.safetensors"), tmp_path)
    save_file({"conditioner.embedders.1.model.x": torch.zeros(1)}, one)
    assert "StableDiffusionXLPipeline as P" in refused(one, tmp_path)
    pickled = tmp_path / "dir/model.ckpt"
    pickled.write_bytes(b"\x80")
    assert f"from_single_file('{pickled}')" in refused(pickled, tmp_path)
    assert f"give its folder, --model {sd15_folder}" in refused(sd15_folder / "unet", tmp_path)
    alone = Path(shutil.copytree(sd15_folder / "unet", tmp_path / "alone/unet"))
    assert "is one network (config.json), not a whole model" in refused(alone, tmp_path)
    lora = tmp_path / "lora"
    lora.mkdir()
    save_file({"unet.x.lora_A.weight": torch.zeros(1)}, lora / "pytorch_lora_weights.safetensors")
    assert f"--lora {lora}." in refused(lora, tmp_path)
    file = lora / "pytorch_lora_weights.safetensors"
    assert f"--lora {file}." in refused(file, tmp_path)
