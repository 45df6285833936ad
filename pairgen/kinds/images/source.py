"""What a plan says about the images that a set is made from."""

from typing import Any

from pairgen.sources.image_list import ImageSummary


def image_source(name: str, summary: ImageSummary) -> dict[str, Any]:
    """Return a plan's `source` for images whose headers were read."""
    return {
        "name": name,
        "sha256": summary.sha256,
        "num_inputs": summary.num_accepted,
        "num_captions": summary.num_captions,
        "num_rejected": len(summary.rejected) - summary.num_skipped,
        "num_skipped": summary.num_skipped,
    }
