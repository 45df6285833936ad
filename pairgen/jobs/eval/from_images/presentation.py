"""How the figures of a student from images are presented."""

from collections.abc import Mapping
from typing import Any

from pairgen.jobs.eval.presentation import Presentation, pair_count

COLUMNS = (
    ("evaluations", "evaluations_per_picture", "{:,.0f}"),
    ("s/image", "seconds_per_picture", "{:.4f}"),
    ("PSNR RGB dB", "psnr_rgb_db", "{:.2f}"),
    ("perceptual", "feature_distance", "{:.3f}"),
    ("Frechet", "frechet_distance", "{:.3f}"),
    ("halves", "frechet_distance_halves", "{:.3f}"),
    ("to real", "frechet_distance_real", "{:.3f}"),
)
LEGEND = """\
evaluations  network evaluations per image; guidance counts double
s/image      seconds per image on this machine, from given to made; prompts are not counted
PSNR RGB dB  of the 8-bit images against the targets, over R, G and B, median
perceptual   |features - those of the target| in the evaluation net, median
Frechet      distance to the targets in the evaluation net's features
halves       the same, between one half's images and the other half's targets: the targets' own
             value is the floor
to real      Frechet distance to real images (--real-statistics)"""


def _facts(found: Mapping[str, Any]) -> dict[str, str]:
    data, model, recipe = found["data"], found["model"], found["recipe"]
    return {
        "judged": f"{model['path']} ({model['kind']})",
        "does": f"{recipe['kind']}: {recipe['source']} to {recipe['target']}",
        "pairs": pair_count(found),
        "fingerprint": data["fingerprint"][:16],
        "device": found["device"],
    }


FROM_IMAGES = Presentation(
    columns=COLUMNS,
    legend=LEGEND,
    subtitle="evaluated on held-out pairs of images",
    rows="All rows are compared with the same targets.",
    facts=_facts,
)
