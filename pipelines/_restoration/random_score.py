"""OSEDiff with a frozen score that knows nothing: the pretrained network's layers, drawn anew."""

from dataclasses import replace
from typing import Any

from _random_weights import draw_anew

from pairgen.methods._osediff.score_distillation import ScoreDistillation
from pairgen.methods.base import Setup
from pairgen.methods.osediff import OPTIONS, OSEDiff
from pairgen.signature import takes

SEED = 7


class RandomScore(OSEDiff):
    """Is as expensive as OSEDiff, and its direction is as long."""

    def _make_scores(self, setup: Setup) -> ScoreDistillation:
        frozen = setup.new_denoiser()
        draw_anew(frozen.network, SEED)
        frozen.network.requires_grad_(False)
        return replace(super()._make_scores(setup), frozen=frozen)


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> RandomScore:
    """Build the method."""
    return RandomScore(setup=setup, **options)
