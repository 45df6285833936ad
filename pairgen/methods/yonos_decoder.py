"""The last stage of YONOS-SR: tune the decoder behind the frozen network of one step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.errors import ConfigError
from pairgen.losses.adversarial import loss_if_made, loss_if_real
from pairgen.methods._images.encoded import EncodedPairs, lr_moments
from pairgen.methods._images.pairs import Prompts, check_sizes, hr_member, lr_member, prompt_needs
from pairgen.methods._prediction import x0_eps_of
from pairgen.methods._yonos.options import YONOSDecoderOptions
from pairgen.methods._yonos.stage import check_stage, restorer
from pairgen.methods.base import (
    AVERAGE,
    EVALUATIONS_IF_TRAINED,
    STUDENT,
    ImageStudent,
    Needs,
    Setup,
    need,
)
from pairgen.networks.lpips_file import load_lpips
from pairgen.networks.patch_discriminator import PatchDiscriminator
from pairgen.sampling.condition import RGB
from pairgen.shards.format.image_member import PICTURES
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes

DISCRIMINATOR = "discriminator"


@dataclass(frozen=True)
class Decoded:
    """The images that both players see.

    Attributes:
        image: The decoded images, [B, 3, H, W], not clamped.
        target: HR, [B, 3, H, W] in [-1, 1].
    """

    image: Tensor
    target: Tensor


class YONOSDecoder:
    """Learn to decode what a frozen network restores in one step from pure noise.

    The loss is l1_weight |D(x0) - HR| + lpips_weight LPIPS, and gan_weight times the non-saturating
    loss against a patch discriminator, if that is used. The image is not clamped.

    Args:
        setup: Teacher and datasets.
        **options: The options of `YONOSDecoderOptions`.

    Raises:
        ConfigError: An option is not allowed, or `network` is no run of `yonos` at this scale.

    Reference:
        Noroozi et al. 2024 (YONOS-SR), arXiv:2401.17258, whose abstract has this stage; the terms,
        and all numbers, are ours.
    """

    facts: Sequence[str] = ()
    # One of the network; the decoder is not counted.
    evaluations: float = EVALUATIONS_IF_TRAINED

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        self.options = chosen = YONOSDecoderOptions(**options)
        if not chosen.network:
            raise ConfigError("network must be given: a run of `pairgen train yonos`.")
        check_stage("network", chosen.network, chosen, chosen.scale)
        self.target = hr_member(setup.plans)
        self._denoiser = setup.load_run(chosen.network, AVERAGE)
        self._autoencoder = setup.new_autoencoder()
        self._autoencoder.decoder.unfreeze()
        self._prompts = Prompts(setup.teacher, chosen)
        self._latents = EncodedPairs(
            setup,
            self._autoencoder,
            hr=self.target,
            posterior=chosen.posterior,
            scales=(chosen.scale,),
            reads_hr=False,
        )
        texts = [chosen.text] if chosen.text else []
        self.fields = (self.target, *self._latents.fields, *texts)
        self._lpips = None
        if chosen.lpips_weight:
            location = setup.perceptual_net(chosen.perceptual, RGB)
            self._lpips = load_lpips(location, RGB, setup.device)
        self._discriminator = None
        if chosen.gan_weight:
            self._discriminator = PatchDiscriminator().to(setup.device)

    def players(self) -> Mapping[str, nn.Module]:
        """Return the student, and the discriminator if it is used."""
        student = nn.ModuleDict({"decoder": self._autoencoder.decoder})
        if self._discriminator is None:
            return {STUDENT: student}
        return {DISCRIMINATOR: self._discriminator, STUDENT: student}

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        """Return one round, of all players."""
        del step
        return (tuple(self.players()),)

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Decoded:
        """Restore the batch in one step and decode it, with gradients of the decoder."""
        del players
        denoiser, schedule = self._denoiser, self._denoiser.schedule
        z_l = self._latents.lr(batch, self.options.scale, draws)
        z = draws.normal(tuple(z_l.shape[1:]))
        with torch.no_grad():
            t = z.new_full((len(z),), schedule.first_time, dtype=torch.float64)
            given = self._prompts.of(batch).with_image(z_l)
            x0 = x0_eps_of(denoiser, z, t, given)[0].float()
        made = Decoded(self._autoencoder.decode(x0), batch.image(self.target))
        check_sizes(made.image, made.target, self.options.scale)
        return made

    def loss(
        self, player: str, shared: Decoded, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the decoder or of the discriminator."""
        del batch, draws
        with torch.autocast(shared.image.device.type, enabled=False):
            if player == STUDENT:
                return self._student_loss(shared)
            assert self._discriminator is not None
            real = loss_if_real(self._discriminator(shared.target))
            made = loss_if_made(self._discriminator(shared.image.detach()))
            return (real + made).mean(), {}

    def after_step(self, step: int) -> None:
        """Do nothing."""
        del step

    def kept(self) -> Mapping[str, nn.Module]:
        """Return nothing."""
        return {}

    def student(self) -> ImageStudent:
        """Return the student: one step from pure noise, given LR, and the tuned decoder."""
        return restorer(self.options, self.target, self._denoiser, self._autoencoder)

    def _student_loss(self, made: Decoded) -> tuple[Tensor, dict[str, Tensor]]:
        chosen = self.options
        figures = {"l1": (made.image - made.target).abs().mean()}
        loss = chosen.l1_weight * figures["l1"]
        if self._lpips is not None:
            figures["lpips"] = self._lpips(made.image, made.target).mean()
            loss = loss + chosen.lpips_weight * figures["lpips"]
        if self._discriminator is not None:
            figures["gan"] = loss_if_real(self._discriminator(made.image)).mean()
            loss = loss + chosen.gan_weight * figures["gan"]
        return loss, {name: each.detach() for name, each in figures.items()}


def needs(options: YONOSDecoderOptions) -> Needs:
    """Return what the stage needs of its datasets."""
    return Needs(
        members=(
            need(*PICTURES, note="HR"),
            need(lr_moments(options.scale), lr_member(options.scale), note="LR"),
            *prompt_needs(options),
        ),
        scales={lr_member(options.scale): options.scale},
        encodes=True,
        perceptual=RGB * bool(options.lpips_weight),
    )


OPTIONS, NEEDS = YONOSDecoderOptions, needs


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> YONOSDecoder:
    """Build the method."""
    return YONOSDecoder(setup=setup, **options)
