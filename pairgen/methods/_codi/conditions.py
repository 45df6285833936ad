"""What a condition branch sees of a batch."""

from torch import Tensor

from pairgen.methods._codi.options import INPAINTING, CoDiOptions
from pairgen.sampling.condition import RGB, RGB_AND_MASK, as_condition, known_part
from pairgen.sampling.enlarge import enlarge
from pairgen.shards.loading.batch import Batch


class Conditions:
    """The conditions of a batch.

    Args:
        options: What is given.
        hr: Member of the image to make, whose known part is given with a mask.

    Attributes:
        channels: Channels of a condition.
        fields: Members that are read.
    """

    def __init__(self, options: CoDiOptions, hr: str) -> None:
        self._options, self._hr = options, hr
        self._masked = options.task == INPAINTING
        self.channels = RGB_AND_MASK if self._masked else RGB
        self.fields = (options.condition, *([hr] if self._masked else []))

    def of(self, batch: Batch) -> Tensor:
        """Return the conditions of a batch, [B, K, H, W] in [0, 1]."""
        given = batch.image(self._options.condition)
        if self._masked:
            return as_condition(known_part(batch.image(self._hr), given))
        enlarged = enlarge(given.expand(-1, RGB, -1, -1), self._options.factor)
        return as_condition(enlarged)
