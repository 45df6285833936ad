"""LPIPS of images beside the lpips package itself, read from its source archive.

Its package cannot be imported without torchvision, of which it takes one thing: the layers of
VGG16, which are written here. `make env` fetches the archive; without it the test is skipped.
"""

import sys
import tarfile
import types
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.networks.lpips_file import load_lpips

ARCHIVE = Path(sys.prefix) / "oracle" / "lpips-0.1.4.tar.gz"
CPU = torch.device("cpu")
# Configuration "D" of torchvision's vgg.py.
CHANNELS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)


def vgg16() -> nn.Module:
    """Return the features of torchvision's `vgg16`, with weights that keep activations alive."""
    layers: list[nn.Module] = []
    before = 3
    for channels in CHANNELS:
        if not channels:
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers += [nn.Conv2d(before, channels, kernel_size=3, padding=1), nn.ReLU(inplace=True)]
        nn.init.kaiming_normal_(layers[-2].weight)
        before = channels
    whole = nn.Module()
    whole.features = nn.Sequential(*layers)
    return whole


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """The package's own LPIPS on a random VGG16 with our copy of its heads, and that VGG16."""
    if not ARCHIVE.exists():
        pytest.skip("the archive of lpips 0.1.4 was not fetched")
    torch.manual_seed(0)
    trunk = vgg16()
    models = types.ModuleType("torchvision.models")
    models.vgg16 = lambda pretrained: trunk  # type: ignore[attr-defined]
    torchvision = types.ModuleType("torchvision")
    torchvision.models = models  # type: ignore[attr-defined]
    package = types.ModuleType("lpips")
    stubs = {"torchvision": torchvision, "torchvision.models": models, "lpips": package}
    with tarfile.open(ARCHIVE) as archive:

        def read(name: str) -> bytes:
            return archive.extractfile(f"lpips-0.1.4/lpips/{name}").read()

        sources = {name: read(f"{name}.py").decode() for name in ("pretrained_networks", "lpips")}
        init = read("__init__.py").decode()
    # One function of it is needed; the module also imports what trains and plots.
    start = init.index("def normalize_tensor")
    with pytest.MonkeyPatch.context() as patch:
        for name, stub in stubs.items():
            patch.setitem(sys.modules, name, stub)
        exec("import torch\n" + init[start : init.index("def l2")], package.__dict__)
        networks = types.ModuleType("lpips.pretrained_networks")
        exec(sources["pretrained_networks"], networks.__dict__)
        package.pretrained_networks = networks  # type: ignore[attr-defined]
        patch.setitem(sys.modules, "lpips.pretrained_networks", networks)
        module = types.ModuleType("lpips.lpips")
        module.__package__ = "lpips"
        exec(sources["lpips"], module.__dict__)
        found = module.LPIPS(net="vgg", pretrained=False, verbose=False)
        heads = load_file(packaged_assets() / "lpips/vgg16_heads.safetensors")
        assert not found.load_state_dict(heads, strict=False).unexpected_keys
    return found.eval(), trunk


@pytest.fixture(scope="module")
def images():
    generator = torch.Generator().manual_seed(1)
    return [torch.rand((2, 3, 48, 40), generator=generator) * 2 - 1 for _ in range(2)]


def test_it_is_the_lpips_packages_from_either_file(reference, images, tmp_path):
    theirs, trunk = reference
    # A classifier's file has more than convolutions.
    whole = {**trunk.state_dict(), "classifier.0.weight": torch.ones(2, 2)}
    torch.save(whole, tmp_path / "vgg16.pth")
    torch.save(theirs.state_dict(), tmp_path / "lpips.pth")
    x0, x1 = images
    leaf = x0.clone().requires_grad_(True)
    expected = theirs(leaf, x1).flatten()
    (grad,) = torch.autograd.grad(expected.sum(), leaf)
    assert expected.min() > 1e-3
    for name in ("vgg16.pth", "lpips.pth"):
        ours = load_lpips(str(tmp_path / name), 3, CPU)
        leaf = x0.clone().requires_grad_(True)
        found = ours(leaf, x1)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)
        (own,) = torch.autograd.grad(found.sum(), leaf)
        assert (own - grad).abs().max() < 1e-4 * grad.abs().max()


def test_equal_dark_places_give_no_nan(images, tmp_path):
    """Where all channels are 0 the package's gradient is NaN."""
    trunk = vgg16()
    with torch.no_grad():
        for layer in trunk.features:
            if isinstance(layer, nn.Conv2d):
                layer.bias.fill_(-1e6)
    torch.save(trunk.state_dict(), tmp_path / "dead.pth")
    ours = load_lpips(str(tmp_path / "dead.pth"), 3, CPU)
    leaf = images[0].clone().requires_grad_(True)
    found = ours(leaf, images[1])
    (grad,) = torch.autograd.grad(found.sum(), leaf)
    assert found.eq(0).all() and grad.eq(0).all()


def test_another_vgg_is_refused(tmp_path):
    trunk = vgg16()
    state = trunk.state_dict()
    torch.save({**state, "features.40.weight": torch.ones(1)}, tmp_path / "vgg19.pth")
    with pytest.raises(ConfigError, match=r"vgg19.pth has unknown features.40.weight"):
        load_lpips(str(tmp_path / "vgg19.pth"), 3, CPU)
    torch.save(state, tmp_path / "vgg16.pth")
    with pytest.raises(ConfigError, match="takes 3 channels, but its inputs have 4 here"):
        load_lpips(str(tmp_path / "vgg16.pth"), 4, CPU)
