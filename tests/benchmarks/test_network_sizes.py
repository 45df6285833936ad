"""Networks have the elements of the published ones; what each training trains adds up."""

import network_sizes
import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from published_shapes import UNETS

from pairgen.methods._codi.options import ALL, BRANCH
from pairgen.teachers._pretrained.denoiser import LORA_TARGETS

# As the published weights have them.
ELEMENTS = {"SD1.5": 859_520_964, "SDXL": 2_567_463_684}


@pytest.mark.parametrize("model", ELEMENTS)
def test_a_network_trained_whole_has_the_elements_of_the_published_one(model):
    network = network_sizes.make_unet(model, 0)
    assert (network.frozen, sum(network.trained)) == (0, ELEMENTS[model])


def test_what_is_frozen_has_the_elements_of_the_published_ones():
    assert network_sizes.frozen_elements("SDXL") == {
        "text encoder": 123_060_480,
        "decoder and its encoder": 83_653_863,
        "second text encoder": 694_659_840,
    }


def test_adapters_have_rank_times_both_sides_of_every_layer():
    network = network_sizes.make_unet("SD1.5", 4)
    assert network.frozen == ELEMENTS["SD1.5"]
    with torch.device("meta"):
        unet = UNet2DConditionModel(**UNETS["SD1.5"])
    expected = 0
    for name, layer in unet.named_modules():
        if any(name == each or name.endswith(f".{each}") for each in LORA_TARGETS):
            # Into the rank by a layer of the same kernel, out of it by one of 1 x 1.
            into = layer.weight[0].numel()
            expected += 4 * (into + layer.weight.shape[0])
    assert sum(network.trained) == expected


def test_osediff_is_counted_by_its_recipe_on_one_set_of_weights():
    whole = network_sizes.osediff()
    assert sum(whole.trained) == 8_492_620
    unet, vae, text, vgg16 = 865_910_724, 83_653_863, 340_387_840, 14_714_688
    assert whole.frozen == unet + vae + text + vgg16


def test_yonos_is_counted_with_its_teacher_and_a_wider_first_layer():
    inputs, width, kernel = 8, 320, 9
    wider = ELEMENTS["SD1.5"] + inputs // 2 * width * kernel
    student, beside = network_sizes.yonos("SD1.5", 4)
    adapters = sum(network_sizes.make_unet("SD1.5", 4).trained)
    assert (student.frozen, sum(student.trained)) == (
        wider,
        adapters + (inputs * kernel + 1) * width,
    )
    text, vae = 123_060_480, 83_653_863
    assert beside == network_sizes.FLOAT32 * (text + vae + wider)
    decoder, beside = network_sizes.yonos_decoder("SD1.5")
    assert decoder.frozen + sum(decoder.trained) == vae
    assert beside == network_sizes.FLOAT32 * (text + wider)


def test_codi_trains_all_but_the_ends_of_its_branch_and_pe_codi_the_published_share():
    unet, text, vae = ELEMENTS["SD1.5"], 123_060_480, 83_653_863
    with torch.device("meta"):
        controlnet = ControlNetModel.from_unet(UNet2DConditionModel(**UNETS["SD1.5"]))
    passing_on = [*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block]
    ends = sum(each.numel() for layer in passing_on for each in layer.parameters())
    branch = sum(each.numel() for each in controlnet.parameters()) + 1  # mu

    whole, beside = network_sizes.codi("SD1.5", ALL)
    assert (whole.frozen, sum(whole.trained)) == (ends, unet + branch - ends)
    average = network_sizes.FLOAT32 * sum(whole.trained)
    assert beside == network_sizes.FLOAT32 * (text + vae) + average

    alone, _ = network_sizes.codi("SD1.5", BRANCH)
    assert (alone.frozen, sum(alone.trained)) == (unet, branch)
    # By a note about the paper: 364 million, in all 1.22 billion.
    assert branch == pytest.approx(364e6, rel=0.01)
    assert alone.elements == pytest.approx(1.22e9, rel=0.001)
    assert branch / alone.elements == pytest.approx(364e6 / 1.22e9, abs=0.005)

    adapted, _ = network_sizes.codi("SD1.5", ALL, 4)
    adapters = sum(network_sizes.make_unet("SD1.5", 4).trained)
    assert sum(adapted.trained) == adapters + branch - ends
