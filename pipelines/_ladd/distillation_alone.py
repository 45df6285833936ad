"""LADD without its game: the distance to the teacher's x0 alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, Setup
from pairgen.methods.ladd import LADD, OPTIONS, Made
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes


class DistillationAlone(LADD):
    """Has one player, which nobody judges."""

    @property
    def evaluations(self) -> float:
        """Evaluations of networks of the teacher's size, per sample and step."""
        return EVALUATIONS_IF_TRAINED + 1 + (self.options.guidance != 1)

    def players(self) -> Mapping[str, nn.Module]:
        """Return the student."""
        return {STUDENT: self._student.denoiser}

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        """Return one round of the student."""
        del step
        return ((STUDENT,),)

    def loss(
        self, player: str, shared: Made, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted distance to the teacher's x0."""
        del player, batch
        distance = self._distillation(shared, draws)
        return self.options.distill_weight * distance, {"distill": distance.detach()}


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> DistillationAlone:
    """Build the method."""
    return DistillationAlone(setup=setup, **options)
