"""What a condition branch sees of a batch, and runs that have such a branch."""

from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.methods._codi.options import INPAINTING, CoDiOptions
from pairgen.methods.base import Setup
from pairgen.sampling.condition import RGB, RGB_AND_MASK, as_condition, known_part
from pairgen.sampling.enlarge import enlarge
from pairgen.shards.loading.batch import Batch
from pairgen.teachers.base import Denoiser


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

    def loaded(self, setup: Setup, run: str, weights: str) -> Denoiser:
        """Load the network of a run with its branch, frozen.

        Raises:
            ConfigError: It is not finished, or has no branch for such conditions.
        """
        denoiser = setup.load_run(run, weights)
        if denoiser.condition_channels != self.channels:
            found = denoiser.condition_channels
            has = f"takes conditions of {found} channels" if found else "has no condition branch"
            raise ConfigError(
                f"The network of {run} must take conditions of {self.channels} channels: it {has}."
            )
        return denoiser
