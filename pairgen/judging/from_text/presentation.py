"""How the figures of a model from text are presented."""

from collections.abc import Mapping
from typing import Any

from pairgen.judging.presentation import (
    EVALUATIONS,
    TO_REAL,
    Presentation,
    judged_text,
    pair_count,
)
from pairgen.wording import counted

COLUMNS = (
    ("evaluations", "evaluations_per_picture", "{:,.0f}"),
    ("s/image", "seconds_per_picture", "{:.4f}"),
    ("latent error", "latent_relative_rms", "{:.4f}"),
    ("PSNR dB", "psnr_db", "{:.2f}"),
    ("Frechet", "frechet_distance", "{:.3f}"),
    ("halves", "frechet_distance_halves", "{:.3f}"),
    ("to real", "frechet_distance_real", "{:.3f}"),
    ("agreement", "caption_agreement", "{:.3f}"),
    ("cosine", "caption_cosine", "{:.4f}"),
    ("within", "diversity_within", "{:.3f}"),
    ("between", "diversity_between", "{:.3f}"),
)
LEGEND = (
    EVALUATIONS,
    (
        "s/image",
        "seconds_per_picture",
        "seconds per image for network and solver on this machine, without prompts and decoding",
    ),
    (
        "latent error",
        "latent_relative_rms",
        "|x - end point| / |end point|, median over the pairs",
    ),
    ("PSNR dB", "psnr_db", "of decoded images against the decoded end points, median"),
    (
        "Frechet",
        "frechet_distance",
        "distance to the decoded end points in the evaluation net's features",
    ),
    (
        "halves",
        "frechet_distance_halves",
        "the same, between one half's images and the other half's end points: the end points'\n"
        "own value is the floor",
    ),
    TO_REAL,
    (
        "agreement",
        "caption_agreement",
        "share of images that match no other prompt as well as their own",
    ),
    (
        "cosine",
        "caption_cosine",
        "mean cosine similarity of images to their prompts, in the same net",
    ),
    (
        "within",
        "diversity_within",
        "mean feature distance between noises of one prompt; between: of different prompts",
    ),
)

# Where the ODE of the pairs ended, as `--end` of `pairgen ode` has it.
ENDS = {
    "t0": "to the last timestep (end t0)",
    "clean": "to sigma 0 (end clean)",
}


def _facts(found: Mapping[str, Any]) -> dict[str, str]:
    data = found["data"]
    return {
        "judged": judged_text(found),
        "pairs": pair_count(found),
        "end points by": (
            f"{data['solver']}, {counted(data['steps'], 'step')} on the {data['spacing']} grid, "
            f"{ENDS.get(data['end'], data['end'])}"
        ),
        "fingerprint": data["fingerprint"][:16],
        "device": found["device"],
    }


FROM_TEXT = Presentation(
    columns=COLUMNS,
    legend=LEGEND,
    subtitle="evaluated on held-out pairs",
    rows="All rows use the same noises, prompts and guidance scales.",
    facts=_facts,
)
