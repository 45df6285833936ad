"""A discriminator of images that judges patches: a few strided convolutions.

Reference:
    Isola et al. 2017 (pix2pix), arXiv:1611.07004, Appendix 6.1.2: 4 x 4 kernels, widths 64 to 512,
    one logit for each 70 px patch. Group normalization, in place of theirs over the batch, keeps
    samples apart.
"""

from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512)
SLOPE = 0.2


class PatchDiscriminator(nn.Module):
    """Logits of the patches of images.

    Args:
        in_channels: Channels of an image.
        widths: Channels of the hidden layers; all but the last halve the image.
    """

    def __init__(self, in_channels: int = 3, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = in_channels
        for number, width in enumerate(widths):
            stride = 1 if number == len(widths) - 1 else 2
            layers.append(nn.Conv2d(before, width, 4, stride, padding=1))
            if number:
                # As many groups as leave eight channels in each.
                layers.append(nn.GroupNorm(max(width // 8, 1), width))
            layers.append(nn.LeakyReLU(SLOPE))
            before = width
        layers.append(nn.Conv2d(before, 1, 4, 1, padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return one map of logits, see `pairgen.losses.adversarial`.

        Args:
            image: Images, [B, C, H, W] around [-1, 1]; at least 32 px a side.

        Returns:
            A list of one map, [B, 1, H / 8 - 2, W / 8 - 2] float32.
        """
        return [self.layers(image.float())]
