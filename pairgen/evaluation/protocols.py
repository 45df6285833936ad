"""Named protocols of PSNR and SSIM: plain data with a hash, which stands beside every figure.

Figures of two protocols are not comparable: whether Y spans 16 to 235 or 0 to 255 alone moves the
PSNR by 20 log10(255 / 219) = 1.322 dB.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from pairgen.types import canonical_json

# What all protocols share, part of every hash.
PEAK = 255
SHARED: Mapping[str, Any] = MappingProxyType(
    {
        "images": "8 bit",
        "peak": PEAK,
        "ssim_windows": "Gaussian, only whole ones",
        "mean_over": ["channels", "positions", "images"],
    }
)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How PSNR and SSIM are computed.

    Attributes:
        name: Its name.
        colour: `Y`, the luma of ITU-R BT.601, or `RGB`.
        levels: Values of black and white in that colour.
        border: Pixels cut from every side of images enlarged by 1; times the scale for others.
        psnr_offset: Added to the mean squared error of values in [0, 1]: 1e-8 gives equal images
            80 dB, 0 an infinite PSNR.
        ssim_rounds: Whether SSIM is computed of values rounded to whole levels; PSNR never is.
        ssim_window: Side of the window in pixels, odd.
        ssim_sigma: Standard deviation of the window in pixels.
        ssim_k: The constants K1 and K2.
        ssim_nonnegative: Whether a negative product of contrast and structure counts as 0.
    """

    name: str
    colour: str
    levels: tuple[int, int]
    border: int
    psnr_offset: float
    ssim_rounds: bool
    ssim_window: int = 11
    ssim_sigma: float = 1.5
    ssim_k: tuple[float, float] = (0.01, 0.03)
    ssim_nonnegative: bool

    def facts(self) -> dict[str, Any]:
        """Return all that it fixes, and its hash, for a file of figures."""
        fixed = {**asdict(self), **SHARED}
        sha256 = hashlib.sha256(canonical_json(fixed).encode()).hexdigest()
        return {**fixed, "sha256": sha256}

    @property
    def label(self) -> str:
        """Its name and the first digits of its hash, as printed beside figures."""
        return label(self.facts())

    def __str__(self) -> str:
        return summary(self.facts())


def label(facts: Mapping[str, Any]) -> str:
    """Return the name and the first digits of the hash of a protocol's facts."""
    return f"{facts['name']} {facts['sha256'][:12]}"


def summary(facts: Mapping[str, Any]) -> str:
    """Return in a few words what a protocol's facts say."""
    black, white = facts["levels"]
    colour = f"Y of YCbCr, {black} to {white}" if facts["colour"] == "Y" else "R, G and B"
    border = "a border of the scale cut" if facts["border"] else "no border cut"
    return f"{colour}, {border}, mean over the images"


# What OSEDiff, TSD-SR and AdcSR report: pyiqa's psnr and ssim of 8-bit files with
# test_y_channel=True, color_space='ycbcr', crop_border=0.
REAL_ISR = Protocol(
    name="real-isr",
    colour="Y",
    levels=(16, 235),
    border=0,
    psnr_offset=1e-8,
    ssim_rounds=True,
    ssim_nonnegative=True,
)
# What BasicSR computes with test_y_channel=True and crop_border=scale.
CLASSIC_SR = Protocol(
    name="classic-sr",
    colour="Y",
    levels=(16, 235),
    border=1,
    psnr_offset=0.0,
    ssim_rounds=False,
    ssim_nonnegative=False,
)
RGB = Protocol(
    name="rgb",
    colour="RGB",
    levels=(0, 255),
    border=0,
    psnr_offset=0.0,
    ssim_rounds=False,
    ssim_nonnegative=False,
)
PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {each.name: each for each in (REAL_ISR, CLASSIC_SR, RGB)}
)
