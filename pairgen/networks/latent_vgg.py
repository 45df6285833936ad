"""VGG16 with batch norm and removable first pools: features of latents, or of images."""

from torch import Tensor, nn

from pairgen.errors import ConfigError

# Channels and number of convolutions of the five blocks, each of which ends in a pool.
BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
NUM_TAPS = len(BLOCKS)
# Stable Diffusion's VAE replaces three pools: its latents are 8 times smaller.
LATENT_POOLS_REMOVED = 3


class LatentVgg(nn.Module):
    """The convolutions of VGG16 with batch norm, in five slices that end at its pools.

    The layers of all slices are numbered consecutively, 0 to 43, as in the features of
    torchvision's `vgg16_bn`; so a weight is `slice1.0.weight`, as in E-LatentLPIPS checkpoints.

    Args:
        in_channels: Channels of a latent, or 3 for images.
        width: Factor of all channel counts; 1 is VGG16's own.
        num_pools_removed: Number of pools, from the first on, that are replaced by the identity.

    Raises:
        ConfigError: An argument is out of its range.

    Reference:
        Simonyan & Zisserman 2014, arXiv:1409.1556, Table 1, column D. Kang et al. 2024,
        arXiv:2405.05967: the first three pools left out for latents.
    """

    def __init__(
        self,
        in_channels: int = 4,
        width: float = 1.0,
        num_pools_removed: int = LATENT_POOLS_REMOVED,
    ) -> None:
        super().__init__()
        if in_channels < 1:
            raise ConfigError(f"in_channels must be at least 1, got {in_channels}.")
        if not 0 <= num_pools_removed <= NUM_TAPS:
            raise ConfigError(
                f"num_pools_removed must be in 0..{NUM_TAPS}, got {num_pools_removed}."
            )
        self.in_channels, self.width = in_channels, width
        self.num_pools_removed = num_pools_removed
        self.tap_channels = tuple(_scaled(channels, width) for channels, _ in BLOCKS)
        before, place = in_channels, 0
        for block, (channels, (_, num)) in enumerate(zip(self.tap_channels, BLOCKS, strict=True)):
            layers: list[nn.Module] = []
            for _ in range(num):
                layers += [
                    nn.Conv2d(before, channels, kernel_size=3, padding=1),
                    nn.BatchNorm2d(channels),
                    nn.ReLU(inplace=True),
                ]
                before = channels
            layers.append(nn.Identity() if block < num_pools_removed else nn.MaxPool2d(2))
            part = nn.Sequential()
            for layer in layers:
                part.add_module(str(place), layer)
                place += 1
            self.add_module(f"slice{block + 1}", part)

    @property
    def smallest_input(self) -> int:
        """Smallest height and width that leave every pool something to pool."""
        return 2 ** (NUM_TAPS - self.num_pools_removed)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the output of each slice, after its pool.

        Args:
            x: Latents, or images in [-1, 1], [B, C, H, W].

        Returns:
            Five maps [B, C_l, H_l, W_l]. At width 1 a latent [4, 64, 64] gives [64, 64, 64],
            [128, 64, 64], [256, 64, 64], [512, 32, 32] and [512, 16, 16].
        """
        taps = []
        for block in range(NUM_TAPS):
            x = self.get_submodule(f"slice{block + 1}")(x)
            taps.append(x)
        return taps


def _scaled(channels: int, width: float) -> int:
    """Return a channel count times the width.

    Raises:
        ConfigError: The result is not an integer of at least 1.
    """
    scaled = channels * width
    if not scaled >= 1 or scaled % 1:
        raise ConfigError(
            f"width must be a multiple of 1/{BLOCKS[0][0]} and more than 0, got {width!r}."
        )
    return int(scaled)
