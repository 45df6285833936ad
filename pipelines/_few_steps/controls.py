"""Students of a few steps without one part of their method, for LADD and ADD alike."""

from collections.abc import Mapping, Sequence
from typing import Any

from _random_weights import draw_anew
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, Setup
from pairgen.shards.loading.batch import Batch

SEED = 7


class DistillationAlone:
    """Has one player, which nobody judges: the distance to the teacher's x0 alone."""

    options: Any
    _student: Any
    _x0_of_teacher: Any
    _distillation: Any

    @property
    def evaluations(self) -> float:
        """Evaluations of networks of the teacher's size, per sample and step."""
        return float(EVALUATIONS_IF_TRAINED + self._x0_of_teacher.evaluations)

    def players(self) -> Mapping[str, nn.Module]:
        """Return the student."""
        return {STUDENT: self._student.denoiser}

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        """Return one round of the student."""
        del step
        return ((STUDENT,),)

    def loss(
        self, player: str, shared: Any, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted distance to the teacher's x0."""
        del player, batch
        distance = self._distillation(shared, draws)
        return self.options.distill_weight * distance, {"distill": distance.detach()}


class RandomWeights:
    """Begins with random weights; its teacher is the pretrained network."""

    _student: Any

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        super().__init__(setup=setup, **options)  # type: ignore[call-arg]
        draw_anew(self._student.denoiser.network, SEED)
