"""The latents of a batch: a teacher's end points, or those of images, stored or encoded."""

from torch import Tensor

from pairgen.draws import Draws
from pairgen.image_recipe import SAMPLE
from pairgen.methods._images.encoded import HR_MOMENTS, EncodedPairs
from pairgen.methods._images.pairs import hr_member
from pairgen.methods._pairs import LATENT
from pairgen.methods.base import Setup, need
from pairgen.shards.format.image_member import PICTURES
from pairgen.shards.loading.batch import Batch

ODE = "ode"
# What `Latents` needs of a dataset.
LATENTS = need(
    LATENT,
    HR_MOMENTS,
    *PICTURES,
    note="end points of a teacher, or images: the VAE encodes pictures in every step",
)


class Latents:
    """The latents that a method learns from, for sets of pairs and of images.

    Args:
        setup: Teacher and datasets. If all are pairs, their end points are read. Else each epoch
            sees other samples of the encoder's posterior of the images, from moments if all
            datasets offer them; without moments, latents that all offer are read as they are.

    Raises:
        ConfigError: The images of the datasets have several formats.
    """

    def __init__(self, setup: Setup) -> None:
        self._images: EncodedPairs | None = None
        self.fields: tuple[str, ...] = (LATENT,)
        of_images = any(plan.kind != ODE for plan in setup.plans)
        if of_images and not (LATENT in setup.members and HR_MOMENTS not in setup.members):
            self._images = EncodedPairs(
                setup,
                setup.new_autoencoder(),
                hr=hr_member(setup.plans),
                posterior=SAMPLE,
                scales=(),
                reads_hr=True,
            )
            self.fields = self._images.fields

    def of(self, batch: Batch, draws: Draws) -> Tensor:
        """Return the latents of a batch, [B, C, H, W] float32."""
        if self._images is None:
            return batch[LATENT].float()
        return self._images.hr(batch, draws)
