"""How the figures of an image-to-image student are presented."""

from collections.abc import Mapping
from typing import Any

from pairgen.evaluation.protocols import label, summary
from pairgen.judging.presentation import (
    EVALUATIONS,
    TO_REAL,
    Presentation,
    judged_text,
    pair_count,
)

NET = (
    ("perceptual", "feature_distance", "{:.3f}"),
    ("finest band", "finest_band_energy", "{:.2f}"),
    ("Frechet", "frechet_distance", "{:.3f}"),
    ("halves", "frechet_distance_halves", "{:.3f}"),
    ("to real", "frechet_distance_real", "{:.3f}"),
)
LEGEND = (
    EVALUATIONS,
    (
        "s/image",
        "seconds_per_picture",
        "seconds per image on this machine, from given to made; prompts are not counted",
    ),
    ("PSNR, SSIM", "psnr_db", "of the 8-bit images against the targets, by the named protocol"),
    (
        "perceptual",
        "feature_distance",
        "|features - those of the target| in the evaluation net, median",
    ),
    (
        "finest band",
        "finest_band_energy",
        "logarithm of the energy of the finest of three frequency bands, median",
    ),
    (
        "Frechet",
        "frechet_distance",
        "distance to the targets in the evaluation net's features",
    ),
    (
        "halves",
        "frechet_distance_halves",
        "the same, between one half's images and the other half's targets: the targets' own\n"
        "value is the floor",
    ),
    TO_REAL,
)
# Figures that only some conditions have: title, figure, format and meaning.
OF_CONDITIONS = (
    (
        "edges F1",
        "edge_f1",
        "{:.3f}",
        "F1 score of an image's edge pixels against those of its condition, found alike; mean",
    ),
    (
        "painted",
        "painted_error",
        "{:.2f}",
        "mean absolute difference to the target over painted pixels, in 8-bit levels; mean",
    ),
)


def image_words(found: Mapping[str, Any]) -> Presentation:
    """Return the words for the eval.json of an image-to-image student."""
    protocol = found.get("protocol")
    iqa = found.get("iqa") or {"pyiqa": "", "better": {}}
    colour = protocol["colour"] if protocol else ""
    agreements = [
        each for each in OF_CONDITIONS if any(row.get(each[1]) is not None for row in found["rows"])
    ]
    columns = (
        ("evaluations", "evaluations_per_picture", "{:,.0f}"),
        ("s/image", "seconds_per_picture", "{:.4f}"),
        (f"PSNR {colour} dB", "psnr_db", "{:.2f}"),
        (f"SSIM {colour}", "ssim", "{:.4f}"),
        *(each[:3] for each in agreements),
        *NET,
        *((name, f"iqa_{name}", "{:.4f}") for name in iqa["better"]),
    )
    version = iqa["pyiqa"]
    legend = (
        *LEGEND,
        *((title, figure, meaning) for title, figure, _, meaning in agreements),
        *(
            (name, f"iqa_{name}", f"pyiqa {version}, mean; {which} is better")
            for name, which in iqa["better"].items()
        ),
    )
    return Presentation(
        columns=columns,
        legend=legend,
        subtitle="evaluated on held-out pairs of images",
        rows="All rows are compared with the same targets.",
        facts=_facts,
        note=f"PSNR, SSIM: {label(protocol)}: {summary(protocol)}." if protocol else "",
    )


def _facts(found: Mapping[str, Any]) -> dict[str, str]:
    data, recipe = found["data"], found["recipe"]
    return {
        "judged": judged_text(found),
        "does": f"{recipe['kind']}: {recipe['source']} to {recipe['target']}",
        "pairs": pair_count(found),
        "fingerprint": data["fingerprint"][:16],
        "device": found["device"],
    }
