"""Measure one row's images, and sum the figures up over all of them or some."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pairgen.errors import ConfigError
from pairgen.evaluation import fidelity
from pairgen.evaluation.figures import (
    FRECHET,
    FRECHET_REAL,
    Figures,
    frechet_figures,
    not_meaningful,
)
from pairgen.evaluation.iqa import IqaMetric
from pairgen.evaluation.judge import Judge
from pairgen.evaluation.pair_distance import feature_distance
from pairgen.evaluation.protocols import Protocol
from pairgen.evaluation.real_pictures import RealPictures
from pairgen.evaluation.sharpness import band_energies
from pairgen.judging.from_images.agreement import AGREEMENTS, Agreement
from pairgen.judging.from_images.made import Made
from pairgen.judging.row import picture_features
from pairgen.kinds.image_pairs import ImagePairs
from pairgen.kinds.image_pictures import enlarged_pictures

PSNR, SSIM, DISTANCE, FINEST = "psnr_db", "ssim", "feature_distance", "finest_band_energy"
IQA = "iqa_"
TARGET = "target"
# Figures that the evaluation net measures.
JUDGED = (DISTANCE, *FRECHET, *FRECHET_REAL)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all rows are measured by.

    Attributes:
        judge: The evaluation net.
        targets: The targets, [N, H, W, 3] uint8.
        reference: Their features, [N, 64].
        protocol: How PSNR and SSIM are computed; None to leave them out.
        scale: By how much a restoration enlarges.
        metrics: Metrics of pyiqa.
        real: Real images; None for none.
        agreement: What the conditions say of an image.
    """

    judge: Judge
    targets: np.ndarray
    reference: NDArray[np.float32]
    protocol: Protocol | None
    scale: int
    metrics: tuple[IqaMetric, ...]
    real: RealPictures | None
    agreement: Agreement


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row's images and what each of them scores.

    Attributes:
        name: Name of the row.
        pictures: The images, [N, H, W, 3] uint8.
        features: Their features, [N, 64].
        equal: Whether each equals its target, bool [N].
        scores: Figures of each image by name, [N] each.
        of_sets: Figures that only the whole row has, by name.
        missing: Figures that cannot be computed, and why.
        cost: What the row cost; None if that is unknown.
    """

    name: str
    pictures: np.ndarray
    features: NDArray[np.float32]
    equal: NDArray[np.bool_]
    scores: Mapping[str, NDArray[np.float64]]
    of_sets: Mapping[str, float]
    missing: Mapping[str, str]
    cost: Made | None = None


def measure(bench: Bench, name: str, pictures: np.ndarray, cost: Made | None = None) -> Measured:
    """Measure each image of a row."""
    features = picture_features(bench.judge, pictures)
    scores: dict[str, NDArray[np.float64]] = {}
    missing: dict[str, str] = {}
    if bench.protocol is not None:
        for figure, compute in ((PSNR, fidelity.psnr), (SSIM, fidelity.ssim)):
            try:
                scores[figure] = compute(pictures, bench.targets, bench.protocol, bench.scale)
            except ConfigError as error:
                missing[figure] = str(error)
    scores[DISTANCE] = feature_distance(features, bench.reference)
    scores[FINEST] = _finest(pictures)
    scores |= bench.agreement.scores(pictures, bench.targets)
    of_sets: dict[str, float] = {}
    for metric in bench.metrics:
        found = metric.scores(pictures, bench.targets)
        if metric.is_of_sets:
            of_sets[IQA + metric.name] = float(found[0])
        else:
            scores[IQA + metric.name] = found
    return Measured(
        name=name,
        pictures=pictures,
        features=features,
        equal=np.array(list(map(np.array_equal, pictures, bench.targets))),
        scores=scores,
        of_sets=of_sets,
        missing=missing,
        cost=cost,
    )


def measure_given(bench: Bench, given: np.ndarray) -> Measured:
    """Measure the given images [N, h, w, C] of a restoration, enlarged by bicubic interpolation."""
    return measure(bench, given_name(bench.scale), enlarged_pictures(given, bench.scale))


def given_name(scale: int) -> str:
    """Return the name of the row of the given images."""
    return "given, enlarged" if scale > 1 else "given"


def doubtful_figures(bench: Bench, pairs: ImagePairs, names: Collection[str]) -> dict[str, str]:
    """Return which of some figures the judge was not made for, and why."""
    captions = list(dict.fromkeys(pairs.captions))
    about = not_meaningful(bench.judge, pairs.targets.shape[1:3], captions)
    reasons = [about.get(FRECHET[0], "")]
    if not captions:
        reasons.insert(0, "the evaluation net was made for images of captions, these have none")
    reason = "; ".join(filter(None, reasons))
    return {name: reason for name in JUDGED if name in names} if reason else {}


def row_figures(bench: Bench, row: Measured, places: NDArray[np.int64] | None = None) -> Figures:
    """Return the figures of a row, as in eval.json, and those that are missing.

    Published PSNR, SSIM, metrics of pyiqa and the agreement with conditions are means over the
    images; the figures of the evaluation net and of sharpness are medians.

    Args:
        bench: What all rows are measured by.
        row: The row.
        places: Places of the images to sum up; None for all, whose figures also tell the distance
            to real images and metrics of sets.
    """
    at: Any = slice(None) if places is None else places
    real = bench.real if places is None else None
    judged = frechet_figures(row.features[at], bench.reference[at], real)
    values: dict[str, Any] = {
        "name": row.name,
        "evaluations_per_picture": row.cost.evaluations if row.cost else None,
        "seconds_per_picture": row.cost.seconds if row.cost else None,
    }
    if bench.protocol is not None:
        values["protocol"] = bench.protocol.label
        values |= {figure: _mean(row.scores, figure, at) for figure in (PSNR, SSIM)}
        values["equal_pictures"] = float(row.equal[at].mean())
    for figure in (DISTANCE, FINEST):
        values[figure] = float(np.median(row.scores[figure][at]))
    values |= {figure: _mean(row.scores, figure, at) for figure in AGREEMENTS}
    values |= judged.values
    values |= {name: _mean(row.scores, name, at) for name in row.scores if name.startswith(IQA)}
    values |= row.of_sets if places is None else {}
    return Figures(values=values, missing={**row.missing, **judged.missing})


def _mean(
    scores: Mapping[str, NDArray[np.float64]], name: str, at: slice | NDArray[np.int64]
) -> float | None:
    """Return a mean, without images that have no score.

    None if no image has one, or a score is infinite, which JSON cannot hold.
    """
    if name not in scores:
        return None
    found = scores[name][at]
    known = found[~np.isnan(found)]
    if not len(known):
        return None
    mean = float(known.mean())
    return mean if np.isfinite(mean) else None


def _finest(pictures: np.ndarray) -> NDArray[np.float64]:
    """Return the logarithm of the energy of each image's finest band, [N]."""
    images = (torch.from_numpy(each).permute(2, 0, 1)[None] for each in pictures)
    return np.array([float(band_energies(image.float() / 127.5 - 1)[0, 0]) for image in images])
