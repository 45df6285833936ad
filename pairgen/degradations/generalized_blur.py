"""Blur with a generalized Gaussian: more pointed or flatter than a Gaussian."""

from typing import Annotated

from pairgen.degradations._beta_blur import BETA, BETA_OPTION, BetaBlur
from pairgen.degradations._kernels import Kernel, generalized_gaussian
from pairgen.degradations.base import Draw


class GeneralizedBlur(BetaBlur):
    """Blur with exp(-d^beta / 2), where d is the squared distance in units of sigma.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.1; Liu et al. 2020, "Estimating
        generalized Gaussian blur kernels for out-of-focus image deblurring".
    """

    beta: Annotated[tuple[float, float], BETA, BETA_OPTION] = (0.5, 4.0)

    def kernel(self, draw: Draw) -> Kernel:
        """Return the kernel of a draw."""
        sigma = draw["sigma_x"], draw["sigma_y"]
        return generalized_gaussian(draw["kernel_size"], sigma, draw["angle"], draw["beta"])


build = GeneralizedBlur
