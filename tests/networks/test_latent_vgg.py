"""The VGG of latents: the authors' layout tensor by tensor, and what its taps are."""

import pytest
import torch

from pairgen.errors import ConfigError
from pairgen.networks.latent_vgg import LatentVgg

# Layer number of each convolution, its slice, channels in and out: written out from the layout of
# torchvision's `vgg16_bn`, cut after the layers 6, 13, 23, 33 and 43.
CONVOLUTIONS = [
    (1, 0, None, 64),
    (1, 3, 64, 64),
    (2, 7, 64, 128),
    (2, 10, 128, 128),
    (3, 14, 128, 256),
    (3, 17, 256, 256),
    (3, 20, 256, 256),
    (4, 24, 256, 512),
    (4, 27, 512, 512),
    (4, 30, 512, 512),
    (5, 34, 512, 512),
    (5, 37, 512, 512),
    (5, 40, 512, 512),
]


def written_out(in_channels: int) -> dict[str, tuple[int, ...]]:
    """Return name to shape of every tensor of the full net."""
    shapes: dict[str, tuple[int, ...]] = {}
    for part, layer, channels_in, channels_out in CONVOLUTIONS:
        shapes[f"slice{part}.{layer}.weight"] = (channels_out, channels_in or in_channels, 3, 3)
        shapes[f"slice{part}.{layer}.bias"] = (channels_out,)
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"slice{part}.{layer + 1}.{name}"] = (channels_out,)
        shapes[f"slice{part}.{layer + 1}.num_batches_tracked"] = ()
    return shapes


def shapes_of(net: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in net.state_dict().items()}


@pytest.mark.parametrize("in_channels", [4, 16])
def test_the_full_net_has_the_authors_tensors(in_channels):
    with torch.device("meta"):
        net = LatentVgg(in_channels)
    assert shapes_of(net) == written_out(in_channels)


@pytest.mark.parametrize("removed", [0, 3, 5])
def test_the_pools_that_are_removed_are_the_first(removed):
    net = LatentVgg(width=1 / 64, num_pools_removed=removed)
    pools = [
        net.get_submodule(f"slice{k}.{layer}") for k, layer in enumerate((6, 13, 23, 33, 43), 1)
    ]
    assert [type(pool).__name__ for pool in pools] == (
        ["Identity"] * removed + ["MaxPool2d"] * (5 - removed)
    )
    assert net.smallest_input == 2 ** (5 - removed)
    net.eval()(torch.zeros(1, 4, net.smallest_input, net.smallest_input))


@pytest.mark.parametrize("size", [64, 16])
def test_the_taps_of_a_latent(size):
    with torch.device("meta"):
        taps = LatentVgg()(torch.zeros(1, 4, size, size))
    assert [tuple(tap.shape[1:]) for tap in taps] == [
        (64, size, size),
        (128, size, size),
        (256, size, size),
        (512, size // 2, size // 2),
        (512, size // 4, size // 4),
    ]


def test_the_taps_of_a_picture_halve_five_times():
    taps = LatentVgg(3, width=0.125, num_pools_removed=0).eval()(torch.zeros(2, 3, 64, 64))
    assert [tuple(tap.shape) for tap in taps] == [
        (2, 8, 32, 32),
        (2, 16, 16, 16),
        (2, 32, 8, 8),
        (2, 64, 4, 4),
        (2, 64, 2, 2),
    ]


def test_width_scales_every_channel_count():
    assert LatentVgg(width=0.25).tap_channels == (16, 32, 64, 128, 128)


def test_the_taps_are_what_plain_layers_give():
    """Every layer by hand: convolution, the measured batch norm, rectifier, pool."""
    torch.manual_seed(0)
    net = LatentVgg(4, width=1 / 32)
    with torch.no_grad():
        net.train()(torch.randn(8, 4, 8, 8))  # Batch norm measures something.
    state = net.eval().state_dict()
    x = torch.randn(2, 4, 8, 8)
    taps = net(x)
    for part, layer, _, _ in CONVOLUTIONS:
        name, norm = f"slice{part}.{layer}", f"slice{part}.{layer + 1}"
        x = torch.nn.functional.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
        mean, var, scale, shift = (
            state[f"{norm}.{key}"][:, None, None]
            for key in ("running_mean", "running_var", "weight", "bias")
        )
        x = ((x - mean) / (var + 1e-5).sqrt() * scale + shift).clamp(min=0)
        if layer in (3, 10, 20, 30, 40):
            if part > 3:
                x = x.unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
            torch.testing.assert_close(taps[part - 1], x, rtol=1e-4, atol=1e-5)


def test_arguments_that_no_net_has_are_one_sentence():
    with pytest.raises(
        ConfigError, match=r"width must be a multiple of 1/64 and more than 0, got 0.3"
    ):
        LatentVgg(width=0.3)
    with pytest.raises(ConfigError, match="width must be"):
        LatentVgg(width=float("nan"))
    with pytest.raises(ConfigError, match=r"num_pools_removed must be in 0\.\.5, got 6"):
        LatentVgg(num_pools_removed=6)
    with pytest.raises(ConfigError, match="in_channels must be at least 1, got 0"):
        LatentVgg(0)
