"""Unsharp masking of pixels that clearly differ from their blurred value."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

import cv2
import numpy as np

from pairgen.degradations._batch import Batch
from pairgen.degradations._convolve import BORDER
from pairgen.degradations._convolve_batch import separable_batch
from pairgen.degradations._rules import Recorded, Whole
from pairgen.degradations.base import Draw, Image, Operation, Target
from pairgen.options import Option


class UnsharpMask(Operation):
    """Add `weight` times what a blur removes, where that exceeds `threshold`.

    The mask is blurred too, so the sharpening fades in. Real-ESRGAN degrades photographs that were
    sharpened in this way.

    Reference:
        Wang et al. 2021 (Real-ESRGAN), arXiv:2107.10833, Section 3.4 (sharpened ground truth);
        values as in its published code (BasicSR 1.4.2, USMSharp, whose radius 50 makes 51 taps).
    """

    units: ClassVar[Mapping[str, str]] = {"threshold": "8-bit levels"}
    radius: Annotated[
        int,
        Whole(1, 100),
        Option(
            "Radius of the Gaussian in px; its standard deviation is OpenCV's for 2 radius + 1 "
            "taps, 8 px for radius 25."
        ),
    ] = 25
    weight: Annotated[int | float, Recorded(0, 255), Option("Weight of the added detail.")] = 0.5
    threshold: Annotated[int | float, Recorded(0, 255), Option("Threshold in 8-bit levels.")] = 10

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw nothing; record the parameters."""
        del generator
        return {"taps": 2 * self.radius + 1, "weight": self.weight, "threshold": self.threshold}

    def apply(self, image: Image, draw: Draw, target: Target) -> Image:
        """Sharpen."""
        del target
        size = (draw["taps"], draw["taps"])
        blurred = cv2.GaussianBlur(image, size, 0, borderType=BORDER)
        mask = cv2.absdiff(image, blurred)
        cv2.threshold(mask, draw["threshold"] / 255, 1, cv2.THRESH_BINARY, dst=mask)
        mask = cv2.GaussianBlur(mask, size, 0, borderType=BORDER)
        residual = np.subtract(image, blurred, out=blurred)
        residual *= np.float32(draw["weight"])
        sharp = np.add(image, residual, out=residual)
        change = np.clip(sharp, 0, 1, out=sharp)
        change -= image
        change *= mask
        change += image
        return np.asarray(change, np.float32)

    def apply_batch(self, batch: Batch, draws: Sequence[Draw], targets: Sequence[Target]) -> Batch:
        """Sharpen."""
        del targets
        image = batch.pixels
        taps = [cv2.getGaussianKernel(draw["taps"], 0, cv2.CV_32F)[:, 0] for draw in draws]
        residual = image - separable_batch(batch, taps).pixels
        mask = (residual.abs() * 255 > batch.column([draw["threshold"] for draw in draws])).float()
        mask = separable_batch(Batch(mask, batch.sizes), taps).pixels
        weight = batch.column([draw["weight"] for draw in draws])
        sharp = (image + weight * residual).clamp(0, 1)
        return Batch(image + mask * (sharp - image), batch.sizes)


build = UnsharpMask
