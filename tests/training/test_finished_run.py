"""A finished run is another run's frozen teacher, with its average or its last weights."""

import pytest
import torch
import yaml
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

from pairgen.errors import ConfigError
from pairgen.model_files import FILES
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.loop.checkpoint import find_checkpoints
from pairgen.training.runs.finished_run import load_run

CPU = torch.device("cpu")


def test_the_average_and_the_last_weights(pairs, train):
    run = train(pairs, steps=4, ema_decay=0.9).folder
    checkpoint = find_checkpoints(run / "checkpoints")[-1]
    hashes = set()
    for weights, file in (("average", "student.ema"), ("last", "student")):
        denoiser, sha256 = load_run(str(run), weights, CPU)
        hashes.add(sha256)
        expected = load_file(checkpoint / f"{file}.safetensors")
        found = {f"network.{name}": each for name, each in denoiser.network.state_dict().items()}
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], each) for name, each in expected.items())
        assert not any(each.requires_grad for each in denoiser.parameters())
    assert len(hashes) == 2


def test_adapters_are_merged_into_both(pairs, train):
    run = train(pairs, steps=4, ema_decay=0.5, lora_rank=2, lr=1e-2).folder
    loaded = {name: load_run(str(run), name, CPU)[0] for name in ("average", "last")}
    assert all(each.adapter is None for each in loaded.values())
    exported = UNet2DConditionModel.from_pretrained(run / "student/unet").state_dict()
    average, last = (each.network.state_dict() for each in loaded.values())
    assert all(torch.equal(average[name], each) for name, each in exported.items())
    changed = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight"
    assert (average[changed] - last[changed]).abs().max() > 1e-6
    # The merged last weights, from the checkpoint's adapter.
    state = load_file(find_checkpoints(run / "checkpoints")[-1] / "student.safetensors")
    layer = f"adapter.{changed.removesuffix('.weight')}"
    delta = state[f"{layer}.lora_B.weight"] @ state[f"{layer}.lora_A.weight"]
    base = UNet2DConditionModel.from_pretrained(start_of(run)).state_dict()
    torch.testing.assert_close(last[changed], base[changed] + delta)


def start_of(run):
    data = yaml.safe_load((run / "config.yaml").read_text())["data"][0]
    return f"{read_plan(open_store(data)).teacher['location']}/unet"


def test_a_run_without_an_average_has_one_set_of_weights(pairs, train):
    run = train(pairs, steps=2, ema_decay=0.0).folder
    assert not (run / "last.safetensors").exists()
    first, second = (load_run(str(run), name, CPU) for name in ("average", "last"))
    assert first[1] == second[1]


def test_a_network_with_an_image_latent_goes_on_in_another_run(restorable, train, everything):
    first = train(restorable, "first", steps=2, **everything).folder
    config = UNet2DConditionModel.load_config(first / "student/unet")
    assert (config["in_channels"], config["out_channels"]) == (8, 4)
    denoiser, _ = load_run(str(first), "average", CPU)
    assert denoiser.image_channels == 4
    # A method that asks for four channels more gets those that are there.
    again = train(restorable, "again", **{**everything, "model": str(first), "steps": 1}).folder
    config = UNet2DConditionModel.load_config(again / "student/unet")
    assert config["in_channels"] == 8


def test_what_is_no_finished_run_is_one_sentence(pairs, train, tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere is not a finished run of pairgen train"):
        load_run(str(tmp_path / "nowhere"), "last", CPU)
    run = train(pairs, steps=1, ema_decay=0.5).folder
    with pytest.raises(ConfigError, match="weights must be one of average, last"):
        load_run(str(run), "best", CPU)
    (run / "last.safetensors").write_bytes(b"half")
    with pytest.raises(ConfigError, match=r"last.safetensors is not the file of files.json"):
        load_run(str(run), "last", CPU)
    (run / FILES).unlink()
    with pytest.raises(ConfigError, match=r"last.safetensors cannot be read: "):
        load_run(str(run), "last", CPU)
