"""Adapters beside peft's, beside each other, and with recomputed activations."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from peft import LoraConfig
from safetensors.torch import save_file
from torch import nn

from pairgen.adapters.adaptable import Adaptable
from pairgen.adapters.adapter import Adapter
from pairgen.adapters.chosen import checkpoint_gradients, using
from pairgen.errors import ConfigError
from pairgen.teachers._pretrained.autoencoder import Encoder
from pairgen.teachers._pretrained.denoiser import LORA_TARGETS

RANK, ALPHA = 3, 5.0


@pytest.fixture(scope="module")
def unet(sd15_folder):
    """The network of a small random Stable Diffusion, in float64. Copy it before changing it."""
    found = UNet2DConditionModel.from_pretrained(sd15_folder / "unet").double().eval()
    return found.requires_grad_(False)


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 4, 8, 8, generator=generator, dtype=torch.float64)
    text = torch.randn(2, 24, 32, generator=generator, dtype=torch.float64)
    return x, torch.tensor([999, 500]), text


def present(network: nn.Module) -> list[str]:
    names = [name for name, _ in network.named_modules()]
    return [end for end in LORA_TARGETS if any(name.endswith(f".{end}") for name in names)]


def adapted(network: nn.Module, seed: int, **options: object) -> Adapter:
    """Return an adapter that changes something: no part of it is zero."""
    torch.manual_seed(seed)
    given = {"rank": RANK, "alpha": ALPHA, "targets": present(network), **options}
    adapter = Adapter(network, **given).double()
    with torch.no_grad():
        for each in adapter.parameters():
            each.add_(0.1 * torch.randn_like(each))
    return adapter


def call(network, adapter, inputs):
    with using(network, adapter):
        return network(*inputs, return_dict=False)[0]


def gradients(adapter):
    return {name: each.grad.clone() for name, each in adapter.named_parameters()}


def assert_near(found, expected, tolerance=1e-12):
    assert found.keys() == expected.keys()
    for name, each in expected.items():
        assert (found[name] - each).abs().max() <= tolerance * each.abs().max(), name


def test_it_is_pefts_to_the_bit(unet, inputs):
    ours, theirs = copy.deepcopy(unet).float(), copy.deepcopy(unet).float()
    inputs = (inputs[0].float(), inputs[1], inputs[2].float())
    torch.manual_seed(0)
    adapter = Adapter(ours, rank=RANK, alpha=ALPHA, targets=present(ours))
    torch.manual_seed(0)
    theirs.add_adapter(
        LoraConfig(
            r=RANK,
            lora_alpha=ALPHA,
            init_lora_weights="gaussian",
            target_modules=list(LORA_TARGETS),
        )
    )
    peft = {
        name.replace(".default.", "."): each
        for name, each in theirs.named_parameters()
        if "lora" in name
    }
    own = dict(adapter.named_parameters())
    # Also in this order, on which the rounding of a gradient's norm depends.
    assert list(own) == list(peft)
    assert all(torch.equal(own[name], peft[name]) for name in own)
    # B is zero: nothing changes at first.
    assert torch.equal(call(ours, adapter, inputs), call(ours, None, inputs))
    with torch.no_grad():
        for name, each in own.items():
            each.add_(0.1 * torch.randn(each.shape))
            peft[name].copy_(each)
    made, expected = call(ours, adapter, inputs), theirs(*inputs, return_dict=False)[0]
    assert torch.equal(made, expected)
    made.square().sum().backward()
    expected.square().sum().backward()
    assert all(torch.equal(own[name].grad, peft[name].grad) for name in own)
    adapter.merge_into(ours.state_dict())
    theirs.fuse_lora()
    theirs.unload_lora()
    merged = theirs.state_dict()
    assert all(torch.equal(each, merged[name]) for name, each in ours.state_dict().items())


def test_it_loads_in_diffusers_without_its_alpha(unet, inputs, tmp_path):
    adapter = adapted(unet, 1)
    save_file(
        {name: each.contiguous() for name, each in adapter.low_rank_tensors().items()},
        tmp_path / "adapter.safetensors",
    )
    loaded = copy.deepcopy(unet)
    loaded.load_lora_adapter(tmp_path, weight_name="adapter.safetensors", prefix=None)
    made = loaded(*inputs, return_dict=False)[0]
    torch.testing.assert_close(made, call(unet, adapter, inputs), rtol=1e-6, atol=1e-8)


def test_two_adapters_of_one_network_are_two_networks(unet, inputs):
    first, second = adapted(unet, 1), adapted(unet, 2, trained=["conv_in"])
    alone = {}
    for name, adapter in (("first", first), ("second", second)):
        network = copy.deepcopy(unet)
        adapter.merge_into(network.state_dict())
        alone[name] = network(*inputs, return_dict=False)[0]
    made = {"second": call(unet, second, inputs), "first": call(unet, first, inputs)}
    for name, expected in alone.items():
        torch.testing.assert_close(made[name], expected)
    # The network itself is as it was, also in the middle of a call that uses an adapter.
    with using(unet, first):
        torch.testing.assert_close(call(unet, second, inputs), alone["second"])
        assert torch.equal(call(unet, None, inputs), copy.deepcopy(unet)(*inputs)[0])
        torch.testing.assert_close(unet(*inputs)[0], alone["first"])


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
def test_gradients_are_the_same_with_recomputed_activations(unet, inputs, order):
    """While another adapter, and none, run between the forward and the backward pass."""
    found = []
    for recompute in (False, True):
        network = copy.deepcopy(unet)
        if recompute:
            checkpoint_gradients(network)
        adapters = {"first": adapted(network, 1), "second": adapted(network, 2)}
        x = inputs[0].clone().requires_grad_(True)
        made = {
            name: call(network, adapters[name], (x, *inputs[1:])).square().mean() for name in order
        }
        with torch.no_grad():
            call(network, None, inputs)
        with using(network, adapters[order[0]]):
            made[order[1]].backward()
        # As on a GPU, whose backward pass has a thread of its own.
        with ThreadPoolExecutor(1) as executor:
            executor.submit(made[order[0]].backward).result()
        named = {name: gradients(adapter) for name, adapter in adapters.items()}
        found.append({**named["first"], **{f"2.{k}": v for k, v in named["second"].items()}})
        found[-1]["x"] = x.grad
    assert_near(found[1], found[0])
    assert all(each.abs().max() > 0 for each in found[0].values())


def test_a_frozen_network_passes_gradients_but_gets_none(unet, inputs):
    network = copy.deepcopy(unet)
    adapter = adapted(network, 1)
    x = inputs[0].clone().requires_grad_(True)
    call(network, adapter, (x, *inputs[1:])).sum().backward()
    assert all(each.grad is None for each in network.parameters())
    assert x.grad.abs().max() > 0


def test_a_layer_may_be_trained_as_a_whole_and_have_an_addition(inputs, unet):
    network = copy.deepcopy(unet)
    torch.manual_seed(0)
    adapter = Adapter(network, rank=2, alpha=2, targets=["conv_in"], trained=["conv_in"]).double()
    names = [name for name, _ in adapter.named_parameters()]
    assert names == [
        "conv_in.full.weight",
        "conv_in.full.bias",
        "conv_in.lora_A.weight",
        "conv_in.lora_B.weight",
    ]
    with torch.no_grad():
        for each in adapter.parameters():
            each.add_(torch.randn_like(each))
    made = call(network, adapter, inputs)
    adapter.merge_into(network.state_dict())
    torch.testing.assert_close(call(network, None, inputs), made)
    trained = adapter.trained_tensors()
    assert {"conv_in.weight", "conv_in.bias"} == trained.keys()


def test_wrappers_of_one_network_have_adapters_of_their_own(unet, inputs):
    class Wrapper(Adaptable):
        def forward(self, *inputs):
            with self.in_use():
                return self.network(*inputs, return_dict=False)[0]

    student = Wrapper(copy.deepcopy(unet), LORA_TARGETS)
    assert not student.shares_weights
    critic, frozen = student.beside(), student.beside()
    assert student.shares_weights and critic.shares_weights and frozen.shares_weights
    for each in (student, critic):
        each.adapt(rank=RANK, alpha=ALPHA)
        each.adapter.double()
        with torch.no_grad():
            for weight in each.adapter.parameters():
                weight.add_(torch.randn_like(weight))
    assert frozen.adapter is None
    trainable = [
        {id(weight) for weight in each.parameters() if weight.requires_grad}
        for each in (student, critic, frozen)
    ]
    assert len(trainable[0]) == len(trainable[1]) > 0
    assert not trainable[0] & trainable[1]
    assert not trainable[2]
    made = [each(*inputs) for each in (student, critic, frozen)]
    assert (made[0] - made[1]).abs().max() > 1e-3
    assert torch.equal(made[2], unet(*inputs)[0])
    student.merge()
    torch.testing.assert_close(student(*inputs), made[0])
    assert student.adapter is None


def test_a_deep_copy_has_a_network_and_an_adapter_of_its_own(unet, inputs):
    wrapper = Adaptable(copy.deepcopy(unet), LORA_TARGETS)
    wrapper.adapt(rank=RANK, alpha=ALPHA)
    wrapper.double()
    with torch.no_grad():
        for each in wrapper.adapter.parameters():
            each.add_(0.1)
    view = wrapper.beside()
    copied = copy.deepcopy(wrapper)
    # The view is one of the first alone.
    assert wrapper.shares_weights
    assert not copied.shares_weights
    assert view.network is wrapper.network
    made = call(wrapper.network, wrapper.adapter, inputs)
    assert torch.equal(call(copied.network, copied.adapter, inputs), made)
    with torch.no_grad():
        for each in copied.adapter.parameters():
            each.zero_()
    assert torch.equal(call(wrapper.network, wrapper.adapter, inputs), made)
    assert torch.equal(call(copied.network, copied.adapter, inputs), unet(*inputs)[0])


class Named(nn.Module):
    """Calls its layers by the names of their inputs, one of them twice."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(2, 3, 3, padding=1, padding_mode="circular")
        self.second = nn.Conv2d(3, 3, 1)

    def forward(self, x):
        x = self.first(input=x)
        return self.second(self.second(input=x))


def test_layers_may_be_called_by_name_twice_and_pad_by_wrapping():
    torch.manual_seed(0)
    network = Named().double()
    adapter = Adapter(network, rank=2, alpha=4, targets=["first", "second"]).double()
    with torch.no_grad():
        for each in adapter.parameters():
            each.add_(torch.randn_like(each))
    x = torch.randn(1, 2, 5, 5, dtype=torch.float64)
    made = call_plain(network, adapter, x)
    assert (made - network(x)).abs().max() > 1e-3
    adapter.merge_into(network.state_dict())
    torch.testing.assert_close(network(x), made)


def call_plain(network, adapter, x):
    with using(network, adapter):
        return network(x)


def test_what_the_published_one_step_restorer_trains_is_counted_as_published():
    """OSEDiff on SD2.1-base: 4,436,908 weights, and 8,492,620 with its regulariser's adapter."""
    targets = (
        *("to_k", "to_q", "to_v", "to_out.0", "conv", "conv1", "conv2", "conv_in"),
        *("conv_shortcut", "conv_out", "proj_out", "proj_in", "ff.net.2", "ff.net.0.proj"),
    )
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=64,
            cross_attention_dim=1024,
            attention_head_dim=[5, 10, 20, 20],
            use_linear_projection=True,
            block_out_channels=(320, 640, 1280, 1280),
        )
        vae = AutoencoderKL(
            down_block_types=["DownEncoderBlock2D"] * 4,
            up_block_types=["UpDecoderBlock2D"] * 4,
            block_out_channels=[128, 256, 512, 512],
            layers_per_block=2,
            latent_channels=4,
        )
        student = Adaptable(unet, targets)
        regulariser = student.beside()
        encoder = Encoder(vae, ("encoder", "quant_conv"))
        student.adapt(rank=4, alpha=8, trained=["conv_in"])
        regulariser.adapt(rank=4, alpha=8)
        encoder.adapt(rank=4, alpha=8)
    numbers = [
        sum(each.numel() for each in network.parameters() if each.requires_grad)
        for network in (student, encoder, regulariser)
    ]
    assert sum(numbers[:2]) == 4_436_908
    assert sum(numbers) == 8_492_620


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": ["to_w"]}, r"lora_targets: the network has no layer 'to_w' .did you mean"),
        ({"targets": ["mid_block"]}, "lora_targets: mid_block is not a single layer with weights"),
        ({"targets": ["norm1"]}, r"lora_targets must name linear layers.*got .*norm1, which is"),
        ({"trained": ["conv_on"]}, r"trained_layers: the network has no layer 'conv_on'"),
    ],
)
def test_a_layer_that_cannot_be_adapted_is_one_sentence(unet, options, message):
    with pytest.raises(ConfigError, match=message):
        Adapter(copy.deepcopy(unet), **{"rank": 2, "alpha": 2, "targets": ["to_q"], **options})
