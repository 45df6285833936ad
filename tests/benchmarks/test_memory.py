"""The table of what fits which card: its numbers add up, and its page shows what is printed."""

import sys
from pathlib import Path

import memory
import pytest
import torch
from diffusers import UNet2DConditionModel
from torch import nn

from pairgen.teachers._pretrained.denoiser import LORA_TARGETS
from pairgen.training.optimizer import make_optimizer
from pairgen.training.player_options import PlayerConfig

PAGE = Path(__file__).parents[2] / "docs/memory.md"
# As the published weights have them.
ELEMENTS = {"SD1.5": 859_520_964, "SDXL": 2_567_463_684}


@pytest.mark.parametrize("model", ELEMENTS)
def test_a_network_trained_whole_has_the_elements_of_the_published_one(model):
    network = memory.make_unet(model, 0)
    assert (network.frozen, sum(network.trained)) == (0, ELEMENTS[model])


def test_what_is_frozen_has_the_elements_of_the_published_ones():
    assert memory.frozen_elements("SDXL") == {
        "text encoder": 123_060_480,
        "decoder and its encoder": 83_653_863,
        "second text encoder": 694_659_840,
    }


def test_adapters_have_rank_times_both_sides_of_every_layer():
    network = memory.make_unet("SD1.5", 4)
    assert network.frozen == ELEMENTS["SD1.5"]
    with torch.device("meta"):
        unet = UNet2DConditionModel(**memory.UNETS["SD1.5"])
    expected = 0
    for name, layer in unet.named_modules():
        if any(name == each or name.endswith(f".{each}") for each in LORA_TARGETS):
            # Into the rank by a layer of the same kernel, out of it by one of 1 x 1.
            into = layer.weight[0].numel()
            expected += 4 * (into + layer.weight.shape[0])
    assert sum(network.trained) == expected


@pytest.mark.parametrize("name", ["adamw", "adamw8bit"])
def test_moments_take_the_bytes_that_are_computed(name):
    if name == "adamw8bit":
        pytest.importorskip("bitsandbytes")
    sizes = (64 * 64, 4095, 5000, 3)
    weights = {str(size): nn.Parameter(torch.ones(size)) for size in sizes}
    optimizer = make_optimizer(PlayerConfig(optimizer=name), weights)
    sum(each.sum() for each in weights.values()).backward()
    optimizer.step()
    taken = sum(
        value.nbytes
        for state in optimizer.state.values()
        for quantity, value in state.items()
        # Counts, and one table of codes for all tensors.
        if quantity != "step" and not quantity.startswith("qmap")
    )
    assert taken == memory.moments(name, sizes, ranks=1)


def test_a_sharded_optimizer_takes_the_bytes_of_the_fullest_rank():
    assert memory.sharded_bytes([5, 4, 3, 3], ranks=2) == 8 * 8
    assert memory.sharded_bytes([100, 1], ranks=8) == 8 * 100
    assert memory.sharded_bytes([7, 7], ranks=1) == memory.adamw_bytes([14])


def test_a_training_is_the_sum_of_its_parts():
    network = memory.Network(frozen=10, trained=(6, 4))
    weights, gradients, states, average = 80, 40, 80, 40
    assert (network.weights, network.gradients, network.average) == (weights, gradients, average)
    alone = memory.training_bytes(network, 1, "adamw", 8, beside=1000)
    assert alone == 1000 + weights + gradients + states + average
    both = memory.training_bytes(network, 2, "adamw", 8, beside=1000)
    assert both == alone + weights + gradients + states
    assert (memory.left(24, 23_000_000_000), memory.left(24, 25_000_000_000)) == ("1.0", "-")


def test_osediff_is_counted_by_its_recipe_on_one_set_of_weights():
    whole = memory.osediff()
    assert sum(whole.trained) == 8_492_620
    unet, vae, text, vgg16 = 865_910_724, 83_653_863, 340_387_840, 14_714_688
    assert whole.frozen == unet + vae + text + vgg16


def test_yonos_is_counted_with_its_teacher_and_a_wider_first_layer():
    inputs, width, kernel = 8, 320, 9
    wider = ELEMENTS["SD1.5"] + inputs // 2 * width * kernel
    student, beside = memory.yonos("SD1.5", 4)
    adapters = sum(memory.make_unet("SD1.5", 4).trained)
    assert (student.frozen, sum(student.trained)) == (
        wider,
        adapters + (inputs * kernel + 1) * width,
    )
    text, vae = 123_060_480, 83_653_863
    assert beside == memory.FLOAT32 * (text + vae + wider)
    decoder, beside = memory.yonos_decoder("SD1.5")
    assert decoder.frozen + sum(decoder.trained) == vae
    assert beside == memory.FLOAT32 * (text + wider)


@pytest.mark.slow
def test_the_page_shows_what_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["memory.py"])
    memory.main()
    assert capsys.readouterr().out in PAGE.read_text(encoding="utf-8")
