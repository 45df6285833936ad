"""VGG16 without batch norm: features of images for the published LPIPS."""

import torch
from torch import Tensor, nn

from pairgen.networks.latent_vgg import BLOCKS, NUM_TAPS

IN_CHANNELS = 3
# Images in [-1, 1], as LPIPS brings them near to what VGG16 was trained on.
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class Vgg16(nn.Module):
    """The convolutions of VGG16, in five slices that end before its pools.

    The layers of all slices are numbered as in the features of torchvision's `vgg16`: a weight is
    `slice1.0.weight`, as in the lpips package.

    Reference:
        Simonyan & Zisserman 2014, arXiv:1409.1556, Table 1, column D. Zhang et al. 2018,
        arXiv:1801.03924: the taps; version 0.1 of the lpips package: shift and scale.
    """

    in_channels = IN_CHANNELS
    tap_channels = tuple(channels for channels, _ in BLOCKS)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, -1, 1, 1), persistent=False)
        before, place = IN_CHANNELS, 0
        for block, (channels, num) in enumerate(BLOCKS):
            part = nn.Sequential()
            layers: list[nn.Module] = [nn.MaxPool2d(2)] if block else []
            for _ in range(num):
                layers += [nn.Conv2d(before, channels, kernel_size=3, padding=1), nn.ReLU()]
                before = channels
            for layer in layers:
                part.add_module(str(place), layer)
                place += 1
            self.add_module(f"slice{block + 1}", part)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the output of the last ReLU before each pool, and of the last one.

        Args:
            x: Images in [-1, 1], [B, 3, H, W], of 16 px or more.

        Returns:
            Five maps [B, C_l, H_l, W_l]; 512 px give [64, 512, 512], [128, 256, 256],
            [256, 128, 128], [512, 64, 64] and [512, 32, 32].
        """
        x = (x - self.get_buffer("shift")) / self.get_buffer("scale")
        taps = []
        for block in range(NUM_TAPS):
            x = self.get_submodule(f"slice{block + 1}")(x)
            taps.append(x)
        return taps
