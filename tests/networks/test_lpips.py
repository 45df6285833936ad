"""LPIPS: its value against a plain one, what flows, and files that come back or are refused."""

import json
import math
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from pairgen.errors import ConfigError
from pairgen.networks.latent_vgg import LatentVgg
from pairgen.networks.lpips import Lpips
from pairgen.networks.lpips_file import LpipsOrigin, load_lpips, read_origin, save_lpips

ORIGIN = LpipsOrigin(made_for="a random VAE", made_by="random weights of a test")
CPU = torch.device("cpu")


def random_lpips(in_channels: int = 4, seed: int = 0, removed: int = 3) -> Lpips:
    torch.manual_seed(seed)
    net = LatentVgg(in_channels, width=1 / 16, num_pools_removed=removed)
    with torch.no_grad():
        # Batch norm that has measured something else than 0 and 1.
        net.train()(torch.randn(16, in_channels, 32, 32) * 2 + 1)
        lpips = Lpips(net)
        for weight in lpips.weights:
            weight.copy_(torch.rand_like(weight))
    return lpips


def inputs(channels: int = 4, size: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(3, channels, size, size, generator=generator) for _ in range(2))


@torch.no_grad()
def plain_distance(lpips: Lpips, x0: torch.Tensor, x1: torch.Tensor) -> torch.Tensor:
    """The definition in double precision, place by place, one sample at a time."""
    net = LatentVgg(lpips.net.in_channels, lpips.net.width, lpips.net.num_pools_removed)
    net.load_state_dict(lpips.net.state_dict())
    net = net.double().eval()
    found = []
    for a, b in zip(x0.double(), x1.double(), strict=True):
        total = 0.0
        for k, (f, g) in enumerate(zip(net(a[None]), net(b[None]), strict=True)):
            w = lpips.state_dict()[f"lin{k}.model.1.weight"].double().flatten()
            places = []
            for row in range(f.shape[2]):
                for column in range(f.shape[3]):
                    u, v = f[0, :, row, column], g[0, :, row, column]
                    u, v = u / (u @ u + 1e-8) ** 0.5, v / (v @ v + 1e-8) ** 0.5
                    places.append(float(w @ (u - v) ** 2))
            total += sum(places) / len(places)
        found.append(total)
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize(("channels", "removed", "size"), [(4, 3, 16), (16, 3, 8), (3, 0, 32)])
def test_the_value_is_the_definition(channels, removed, size):
    lpips, (x0, x1) = random_lpips(channels, removed=removed), inputs(channels, size)
    found = lpips(x0, x1)
    assert (found.shape, found.dtype) == ((3,), torch.float32)
    torch.testing.assert_close(found.double(), plain_distance(lpips, x0, x1), rtol=1e-4, atol=1e-6)


def test_it_is_symmetric_zero_on_equals_and_else_positive():
    lpips, (x0, x1) = random_lpips(), inputs()
    forth, back = lpips(x0, x1), lpips(x1, x0)
    torch.testing.assert_close(forth, back, rtol=1e-6, atol=0)
    assert (forth > 0).all()
    assert torch.equal(lpips(x0, x0), torch.zeros(3))


def test_a_sample_has_its_distance_in_any_batch_even_when_it_is_told_to_train():
    lpips, (x0, x1) = random_lpips(), inputs()
    together = lpips.train()(x0, x1)
    assert not any(module.training for module in lpips.modules())
    alone = torch.cat([lpips(x0[row : row + 1], x1[row : row + 1]) for row in range(3)])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-7)


def test_gradients_reach_both_inputs_and_no_weight():
    lpips, (x0, x1) = random_lpips(), inputs()
    x0.requires_grad_()
    x1.requires_grad_()
    lpips(x0, x1).sum().backward()
    for x in (x0, x1):
        assert torch.isfinite(x.grad).all()
        assert (x.grad.abs().amax((1, 2, 3)) > 0).all()
    assert all(weight.grad is None for weight in lpips.parameters())
    # At two equal inputs the distance is at its minimum: the gradient is 0, and finite.
    same = x0.detach().clone().requires_grad_()
    lpips(same, x0.detach()).sum().backward()
    assert torch.equal(same.grad, torch.zeros_like(same))


def test_the_gradient_is_the_slope():
    lpips, (x0, x1) = random_lpips().double(), inputs()

    def distance(x: torch.Tensor) -> torch.Tensor:
        return plain_distance(lpips, x, x1)[0]

    moved = x0.clone().requires_grad_()
    random_lpips()(moved, x1)[0].backward()
    step = 1e-5 * moved.grad[0].double()
    x0, x1 = x0.double(), x1.double()
    ahead, behind = x0.clone(), x0.clone()
    ahead[0] += step
    behind[0] -= step
    slope = (distance(ahead) - distance(behind)) / 2
    assert float(slope) == pytest.approx(float((step * moved.grad[0]).sum()), rel=1e-2)


def test_autocast_changes_nothing():
    lpips, (x0, x1) = random_lpips(), inputs()
    expected = lpips(x0, x1)
    with torch.autocast("cpu", torch.bfloat16):
        found = lpips(x0, x1)
    assert torch.equal(found, expected)
    assert lpips(x0.bfloat16(), x1.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize(("channels", "removed"), [(4, 3), (3, 0)])
def test_a_saved_net_comes_back_in_equal_bits(tmp_path, channels, removed):
    lpips, (x0, x1) = random_lpips(channels, removed=removed), inputs(channels, 32)
    path = tmp_path / "net.safetensors"
    save_lpips(path, lpips, ORIGIN)
    again = load_lpips(str(path), channels, CPU)
    assert torch.equal(again(x0, x1), lpips(x0, x1))
    for name, value in lpips.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    assert read_origin(path) == ORIGIN
    before = path.read_bytes()
    save_lpips(path, again, ORIGIN)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert (again.net.width, again.net.num_pools_removed) == (1 / 16, removed)


def test_in_half_precision_it_is_half_as_large_and_nearly_the_same(tmp_path):
    lpips, (x0, x1) = random_lpips(), inputs()
    save_lpips(tmp_path / "full.safetensors", lpips, ORIGIN)
    save_lpips(tmp_path / "half.safetensors", lpips, ORIGIN, torch.float16)
    half = load_lpips(str(tmp_path / "half.safetensors"), 4, CPU)
    assert {value.dtype for value in half.parameters()} == {torch.float32}
    torch.testing.assert_close(half(x0, x1), lpips(x0, x1), rtol=1e-2, atol=1e-5)
    full_size, half_size = (
        (tmp_path / f"{name}.safetensors").stat().st_size for name in ("full", "half")
    )
    assert half_size < 0.7 * full_size


def authors_checkpoint(lpips: Lpips) -> dict[str, torch.Tensor]:
    """Return a checkpoint as the authors' release lays it out: heads twice."""
    state = lpips.state_dict()
    heads = {name: value for name, value in state.items() if name.startswith("lin")}
    twice = {f"lins.{name.removeprefix('lin')}": value for name, value in heads.items()}
    assert "lins.0.model.1.weight" in twice
    return {**state, **twice}


@pytest.mark.parametrize("ending", ["pth", "pt", "ckpt"])
def test_a_checkpoint_of_the_authors_loads(tmp_path, ending):
    lpips, (x0, x1) = random_lpips(16), inputs(16)
    path = tmp_path / f"sd3_latest_vgg16_tuned.{ending}"
    torch.save(authors_checkpoint(lpips), path)
    assert torch.equal(load_lpips(str(path), 16, CPU)(x0, x1), lpips(x0, x1))


class Hostile:
    """Unpickled, it would raise something else than what a refusal raises."""

    def __reduce__(self):
        return (pytest.fail, ("a checkpoint was unpickled",))


def test_files_that_do_not_fit_are_one_sentence(tmp_path):
    def refused(location, message, channels=4):
        with pytest.raises(ConfigError, match=message):
            load_lpips(str(location), channels, CPU)

    good, other = tmp_path / "good.safetensors", tmp_path / "other.safetensors"
    save_lpips(good, random_lpips(), ORIGIN)
    refused(tmp_path / "none.safetensors", "There is no perceptual network .*none.safetensors")
    refused("package:assets/perceptual/none.safetensors", "no perceptual network 'package:")
    refused(tmp_path, r"must be a \.safetensors, \.pth, \.pt or \.ckpt file, got")
    refused(good, "takes 4 channels, but its inputs have 16", channels=16)
    good.with_name("cut.safetensors").write_bytes(good.read_bytes()[:1000])
    refused(tmp_path / "cut.safetensors", "cut.safetensors cannot be read")

    def write(tensors, **facts):
        save_file(tensors, other, metadata={"pairgen-lpips": json.dumps(facts)})

    save_file(load_file(good), other)
    refused(other, "holds no perceptual network: its header lacks 'pairgen-lpips'")
    save_file(load_file(good), other, metadata={"pairgen-lpips": "no JSON"})
    refused(other, "header of .* must hold JSON, got 'no JSON'")
    facts = {"in_channels": 4, "num_pools_removed": 3}
    write(load_file(good), **facts)
    refused(other, "header of .*other.safetensors is incomplete: KeyError.'width'")
    write(load_file(good), **facts, width="wide")
    refused(other, "header of .*other.safetensors is incomplete: ValueError")
    write(load_file(good), **facts, width=0.25)
    refused(other, r"slice1\.0\.weight in .* must be \[16, 4, 3, 3\], got \[4, 4, 3, 3\]")
    facts["width"] = 1 / 16
    tensors = load_file(good)
    del tensors["lin0.model.1.weight"], tensors["lin3.model.1.weight"]
    write(tensors, **facts)
    refused(other, r"lacks lin0\.model\.1\.weight and 1 more\.")
    write({**load_file(good), "more": torch.zeros(1)}, **facts)
    refused(other, r"has unknown more\.")
    first = "net.slice1.0.weight"
    for value in (math.nan, math.inf):
        write({**load_file(good), first: torch.full((4, 4, 3, 3), value)}, **facts)
        refused(other, r"slice1\.0\.weight in .* must hold finite floating-point numbers")
    write({**load_file(good), first: torch.ones(4, 4, 3, 3, dtype=torch.int64)}, **facts)
    refused(other, r"slice1\.0\.weight in .* must hold finite floating-point numbers")
    heads = {name: torch.zeros_like(x) for name, x in load_file(good).items() if name[:3] == "lin"}
    write({**load_file(good), **heads}, **facts)
    refused(other, r"sees no differences: the weights of all its channels are 0\.")

    checkpoint = tmp_path / "net.pth"
    torch.save({1: torch.zeros(2)}, checkpoint)
    refused(checkpoint, r"net\.pth lacks net\.slice1\.0\.weight: it is neither a checkpoint")
    torch.save({"state": torch.zeros(1)}, checkpoint)
    refused(checkpoint, r"net\.pth lacks net\.slice1\.0\.weight: it is neither a checkpoint")
    torch.save(authors_checkpoint(random_lpips(16)), checkpoint)
    refused(checkpoint, "takes 16 channels, but its inputs have 4")
    partly = authors_checkpoint(random_lpips())
    del partly["net.slice5.40.weight"]
    torch.save(partly, checkpoint)
    refused(checkpoint, r"lacks net\.slice5\.40\.weight\.")
    for content in (pickle.dumps(Hostile(), protocol=2), b"", b"no checkpoint"):
        checkpoint.write_bytes(content)
        refused(checkpoint, "is not a file of tensors alone, and pairgen unpickles nothing else")
    torch.save({"net": Hostile()}, checkpoint)
    refused(checkpoint, "is not a file of tensors alone, and pairgen unpickles nothing else")
