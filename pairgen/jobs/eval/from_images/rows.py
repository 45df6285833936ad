"""The rows of an evaluation of images from images: target, given image, student."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairgen.evaluation.figures import FRECHET, FRECHET_REAL, frechet_figures, not_meaningful
from pairgen.evaluation.judge import Judge
from pairgen.evaluation.pair_distance import feature_distance, psnr
from pairgen.evaluation.real_pictures import RealPictures
from pairgen.image_recipe import RESTORATION, ImageRecipe
from pairgen.jobs.eval.evaluation import Band
from pairgen.jobs.eval.from_images.made import Made
from pairgen.jobs.eval.row import NUM_SHOWN, picture_features
from pairgen.kinds.image_pairs import ImagePairs
from pairgen.kinds.image_pictures import enlarged_pictures

TARGET = "target"
# Figures that the evaluation net measures.
JUDGED = ("feature_distance", *FRECHET, *FRECHET_REAL)


@dataclass(frozen=True, kw_only=True)
class Rows:
    """All rows.

    Attributes:
        figures: The figures of each row, as in eval.json.
        bands: Images to show, in the order of the student's work.
        missing: Figures that cannot be computed for any row, and why.
        not_meaningful: Figures that the judge was not made for, and why.
    """

    figures: tuple[dict[str, Any], ...]
    bands: tuple[Band, ...]
    missing: dict[str, str]
    not_meaningful: dict[str, str]


def make_rows(
    judge: Judge,
    pairs: ImagePairs,
    made: Made,
    name: str,
    recipe: ImageRecipe,
    real: RealPictures | None,
) -> Rows:
    """Measure the images.

    The PSNR is that of a restoration: the target of a conditional student is one of many images
    that fit its condition. For the same reason, only the image that a restoration is given has a
    row.

    Args:
        judge: The evaluation net.
        pairs: The given images and the targets.
        made: What the student made of them.
        name: Name of the student's row.
        recipe: What it does.
        real: Real images; None for none.
    """
    restores = recipe.kind == RESTORATION
    given = enlarged_pictures(pairs.given, recipe.scale)
    given_name = "given, enlarged" if recipe.scale > 1 else "given"
    reference = picture_features(judge, pairs.targets)
    missing: dict[str, str] = {}

    def measured(name: str, pictures: np.ndarray, cost: Made | None = None) -> dict[str, Any]:
        features = picture_features(judge, pictures)
        judged = frechet_figures(features, reference, real)
        missing.update(judged.missing)
        return {
            "name": name,
            "evaluations_per_picture": cost.evaluations if cost else None,
            "seconds_per_picture": cost.seconds if cost else None,
            **(_psnr_figures(pictures, pairs.targets) if restores else {}),
            "feature_distance": float(np.median(feature_distance(features, reference))),
            **judged.values,
        }

    figures = [measured(TARGET, pairs.targets)]
    if restores:
        figures.append(measured(given_name, given))
    figures.append(measured(name, made.pictures, made))
    doubt = _doubt(judge, pairs)
    bands = [(name, made.pictures), (TARGET, pairs.targets)]
    if restores and recipe.scale > 1:
        bands.insert(0, (given_name, given))
    bands.insert(0, ("given", _repeated(enlarged_pictures(pairs.given, 1), recipe.scale)))
    return Rows(
        figures=tuple(figures),
        bands=tuple(Band(name, pictures[:NUM_SHOWN]) for name, pictures in bands),
        missing=missing,
        not_meaningful={
            name: doubt for name in JUDGED if doubt and name in figures[0] and name not in missing
        },
    )


def captions_of(pairs: ImagePairs) -> tuple[str, ...]:
    """Return the captions of the images to show: the prompts, or else the keys."""
    own: Sequence[str] = pairs.prompts if any(pairs.prompts) else pairs.keys
    return tuple(own[:NUM_SHOWN])


def _psnr_figures(pictures: np.ndarray, targets: np.ndarray) -> dict[str, float | None]:
    ratios = psnr(pictures, targets)
    median = float(np.median(ratios))
    return {
        # None if most images are equal: JSON has no infinity.
        "psnr_rgb_db": median if np.isfinite(median) else None,
        "equal_pictures": float(np.isinf(ratios).mean()),
    }


def _doubt(judge: Judge, pairs: ImagePairs) -> str:
    """Return why the judge was not made for these images; empty if it was."""
    captions = list(dict.fromkeys(pairs.captions))
    reasons = [not_meaningful(judge, pairs.targets.shape[1:3], captions).get(FRECHET[0], "")]
    if not captions:
        reasons.insert(0, "the evaluation net was made for images of captions, these have none")
    return "; ".join(filter(None, reasons))


def _repeated(pictures: np.ndarray, scale: int) -> np.ndarray:
    """Return images with every pixel `scale` times as large, to show them as they are."""
    return pictures.repeat(scale, axis=1).repeat(scale, axis=2)
