"""Blur by a plateau: flat in the middle, with long tails."""

from collections.abc import Sequence

from pairgen.degradations._beta_blur import BetaBlur
from pairgen.degradations._blur import KERNEL_SIZES
from pairgen.degradations._kernels import Kernel, plateau
from pairgen.degradations.base import Draw


class PlateauBlur(BetaBlur):
    """Blur by 1 / (1 + d^beta), d the squared distance in units of sigma.

    Args:
        kernel_sizes: Odd sizes of the kernel in px, equally likely.
        sigma: Range of the standard deviations in px.
        beta: Lowest and highest exponent; half of the draws lie below 1.
        isotropic: One standard deviation and no angle.

    Raises:
        ConfigError: A size is even, a range is not one, or 1 is not in that of beta.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1.
    """

    def __init__(
        self,
        kernel_sizes: Sequence[int] = KERNEL_SIZES,
        sigma: Sequence[float] = (0.2, 3.0),
        beta: Sequence[float] = (1.0, 2.0),
        isotropic: bool = True,
    ) -> None:
        super().__init__(kernel_sizes, sigma, beta, isotropic)

    def kernel(self, draw: Draw) -> Kernel:
        """Return the kernel of a draw."""
        sigma = draw["sigma_x"], draw["sigma_y"]
        return plateau(draw["kernel_size"], sigma, draw["angle"], draw["beta"])


build = PlateauBlur
