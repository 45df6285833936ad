"""ADD: a student of one to four steps, against a discriminator of images and with a teacher."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.image_recipe import SAMPLE
from pairgen.losses.score_distance import score_distance
from pairgen.methods._few_steps.add_options import PIXEL, ADDOptions
from pairgen.methods._few_steps.game import FewStepGame
from pairgen.methods._few_steps.image_conditions import (
    IMAGE_MEMBER,
    TEXT_MEMBER,
    ImageConditions,
    Judged,
)
from pairgen.methods._few_steps.image_discriminator import ImageDiscriminator
from pairgen.methods._few_steps.student import FewStepStudent
from pairgen.methods._few_steps.teacher_distance import TeacherX0
from pairgen.methods._images.encoded import HR_MOMENTS, EncodedPairs
from pairgen.methods._images.pairs import hr_member
from pairgen.methods._pairs import TEXT, conditioning_of, stored_embeddings
from pairgen.methods.base import EVALUATIONS_IF_TRAINED, STUDENT, Needs, Setup, need
from pairgen.networks.image_features import ImageFeatures
from pairgen.sampling.condition import RGB
from pairgen.sampling.conditioning import Conditioning
from pairgen.shards.format.image_member import PICTURES
from pairgen.shards.loading.batch import Batch
from pairgen.signature import takes


@dataclass(frozen=True)
class Made:
    """What both players see.

    Attributes:
        real: Images of the data, [B, 3, H, W] in [-1, 1].
        latents: The student's latents, [B, C, h, w] float32, with gradients if it plays.
        images: The same decoded, [B, 3, H, W] around [-1, 1], not clamped.
        conditioning: The conditioning of the prompts, B rows.
        judged: What the discriminator judges images by.
    """

    real: Tensor
    latents: Tensor
    images: Tensor
    conditioning: Conditioning
    judged: Judged


class ADD(FewStepGame):
    """Learn x0 at a few times, by a discriminator of images and by a teacher.

    The student is given a noised latent of a real image, or noise alone at the first time, and
    predicts x0, which is decoded. A frozen vision transformer with light heads says whether an
    image is real; a frozen teacher says what it would make of the student's latents, noised again.

    The decoded image is not clamped: a pixel beyond [-1, 1] keeps its gradient.

    Args:
        setup: Teacher and datasets.
        **options: The options of `ADDOptions`.

    Raises:
        ConfigError: An option is not allowed, or does not fit the size of micro-batches.
        TeacherLoadError: The vision transformer cannot be loaded.

    Reference:
        Sauer et al. 2023 (ADD), arXiv:2311.17042. Its training has no public code; its recipe says
        what is ours.
    """

    options: ADDOptions
    _discriminator: ImageDiscriminator

    def __init__(self, *, setup: Setup, **options: Any) -> None:
        self.options = chosen = ADDOptions(**options)
        chosen.check_micro_batch(setup.micro_batch_size)
        # First, because it is small: what is wrong with it is told before all else is loaded.
        features = ImageFeatures(
            setup.vision_model(chosen.features),
            chosen.feature_blocks,
            chosen.features_px,
            setup.device,
        )
        self._student = FewStepStudent(setup, chosen)
        self._teacher, self._embeds_guidance = setup.teacher, setup.guidance_embedding
        self._embeddings = stored_embeddings(setup.members)
        self._autoencoder = setup.new_autoencoder()
        self._real = hr_member(setup.plans)
        self._latents = EncodedPairs(
            setup,
            self._autoencoder,
            hr=self._real,
            posterior=SAMPLE,
            scales=(),
            reads_hr=not chosen.backward_simulation,
        )
        self._conditions = ImageConditions(setup, chosen, features)
        self._discriminator = ImageDiscriminator(
            features, chosen, self._conditions.width, setup.device
        )
        self._x0_of_teacher = None
        if chosen.distill_weight:
            frozen = setup.new_denoiser()
            frozen.network.requires_grad_(False)
            self._x0_of_teacher = TeacherX0(frozen, chosen, setup.teacher)
        texts = self._embeddings or (TEXT,)
        fields = (self._real, *self._latents.fields, *self._conditions.fields, *texts)
        self.fields = tuple(dict.fromkeys(fields))

    @property
    def evaluations(self) -> float:
        """Evaluations of networks of the teacher's size, per sample and step.

        Decoder and vision transformer are not counted.
        """
        simulated = self._student.simulated_evaluations
        teacher = self._x0_of_teacher.evaluations if self._x0_of_teacher else 0
        alone = (self.options.discriminator_updates - 1) * (simulated + 1)
        return simulated + EVALUATIONS_IF_TRAINED + teacher + alone

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Made:
        """Make images, with gradients if the student plays."""
        student = self._student
        conditioning = conditioning_of(batch, self._teacher, self._embeddings)
        scales = batch.guidance_scale if self._embeds_guidance else None
        real = batch.image(self._real).expand(-1, RGB, -1, -1)
        t = student.draw_times(draws, self.options.time_weights)
        height, width = real.shape[-2:]
        eps = draws.normal(self._autoencoder.latent_shape((height, width)))
        if self.options.backward_simulation:
            x = student.simulated_state(eps, t, conditioning, scales)
        else:
            x = student.state(self._latents.hr(batch, draws), eps, t)
        judged = self._conditions.of(batch, conditioning, real, student.is_first(t))
        with torch.set_grad_enabled(STUDENT in players):
            latents = student.x0(x, t, conditioning, scales)
            images = self._autoencoder.decode(latents)
        return Made(real, latents, images, conditioning, judged)

    def loss(
        self, player: str, shared: Made, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the student or of the discriminator."""
        del batch
        if player == STUDENT:
            return self._student_loss(shared, draws)
        given = (shared.real, shared.images.detach(), shared.judged, draws)
        return self._discriminator.loss(*given)

    def after_step(self, step: int) -> None:
        """Do what the discriminator does between steps."""
        del step
        self._discriminator.after_step()

    def _student_loss(self, made: Made, draws: Draws) -> tuple[Tensor, dict[str, Tensor]]:
        chosen = self.options
        figures = {"gan": self._discriminator.student_loss(made.images, made.judged, draws)}
        loss = figures["gan"]
        if self._x0_of_teacher is not None:
            figures["distill"] = self._distillation(made, draws)
            loss = loss + chosen.distill_weight * figures["distill"]
        figures["latent_std"] = made.latents.std()
        return loss, {name: each.detach() for name, each in figures.items()}

    def _distillation(self, made: Made, draws: Draws) -> Tensor:
        """Return the distance of the student's images, or latents, to the teacher's, a scalar."""
        assert self._x0_of_teacher is not None
        x0, weight = self._x0_of_teacher.of(made.latents.detach(), made.conditioning, draws)
        if self.options.distill_space != PIXEL:
            return score_distance(made.latents.float(), x0, weight)
        with torch.no_grad():
            target = self._autoencoder.decode(x0)
        return score_distance(made.images.float(), target.float(), weight)


def needs(options: ADDOptions) -> Needs:
    """Return what is needed of images."""
    members = [
        need(*PICTURES, note="real images; `pairgen collect --from-ode` makes them of end points"),
        need("txt_emb.npy", TEXT, note="the prompt"),
    ]
    if not options.backward_simulation:
        members.append(need(HR_MOMENTS, *PICTURES, note="the VAE encodes pictures in every step"))
    if options.by_text:
        note = "heads know the text; without clip_text.npy by the teacher's text encoder"
        members.append(need(TEXT_MEMBER, "txt_emb.npy", TEXT, note=note))
    if options.by_image:
        note = "heads know the real image; without dino_cls.npy by their own network"
        members.append(need(IMAGE_MEMBER, *PICTURES, note=note))
    return Needs(members=tuple(members), encodes=True)


OPTIONS, NEEDS = ADDOptions, needs


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> ADD:
    """Build the method."""
    return ADD(setup=setup, **options)
