"""Blur with a plateau-shaped kernel: flat in the middle, with long tails."""

from typing import Annotated

from pairgen.degradations._beta_blur import BETA, BETA_OPTION, BetaBlur
from pairgen.degradations._kernels import Kernel, plateau
from pairgen.degradations.base import Draw


class PlateauBlur(BetaBlur):
    """Blur with 1 / (1 + d^beta), where d is the squared distance in units of sigma.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1.
    """

    beta: Annotated[tuple[float, float], BETA, BETA_OPTION] = (1.0, 2.0)

    def kernel(self, draw: Draw) -> Kernel:
        """Return the kernel of a draw."""
        sigma = draw["sigma_x"], draw["sigma_y"]
        return plateau(draw["kernel_size"], sigma, draw["angle"], draw["beta"])


build = PlateauBlur
