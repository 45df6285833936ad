"""A discriminator of images: heads on what a frozen vision transformer sees in them."""

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.losses.adversarial import (
    Logits,
    discriminator_loss,
    head_penalty,
    student_loss,
    told,
)
from pairgen.losses.image_augmentation import augment_images, blur, to_side
from pairgen.methods._few_steps.add_options import ADDOptions
from pairgen.methods._few_steps.image_conditions import Judged
from pairgen.networks.image_features import ImageFeatures
from pairgen.networks.spectral_norm import iterate_spectral_norms
from pairgen.networks.token_heads import TokenHeads


class ImageDiscriminator:
    """The losses of both sides; only its heads are trained.

    Logits are averaged over tokens, then over heads; the paper sums over heads, which is the same
    with other weights of the losses.

    Args:
        features: The frozen network.
        options: The options of the method.
        condition_width: Length of a condition; 0 for none.
        device: Device of the heads.

    Attributes:
        features: The frozen network.
        heads: What is trained.

    Reference:
        Sauer et al. 2023 (ADD), arXiv:2311.17042, Equations 2 and 3.
    """

    def __init__(
        self,
        features: ImageFeatures,
        options: ADDOptions,
        condition_width: int,
        device: torch.device,
    ) -> None:
        self.options, self.features = options, features
        widths = [features.width] * features.num_depths
        self.heads = TokenHeads(
            widths, condition_width, options.condition_width, options.head_norm, options.norm_batch
        ).to(device)

    def student_loss(self, made: Tensor, judged: Judged, draws: Draws) -> Tensor:
        """Return the student's loss on its images, a scalar.

        Args:
            made: The student's images, [B, 3, H, W], with gradients.
            judged: What they are judged by.
            draws: Random changes of the images.
        """
        logits = self.judge(self.tokens(made, draws), judged)
        return student_loss(self.options.game, logits).mean()

    def loss(
        self, real: Tensor, made: Tensor, judged: Judged, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the heads, a scalar, and its figures.

        Args:
            real: Real images, [B, 3, H, W] in [-1, 1].
            made: The student's images, [B, 3, H, W], without gradients.
            judged: What both are judged by.
            draws: Random changes of the images.
        """
        chosen = self.options
        with torch.no_grad():
            seen, seen_made = self.tokens(real, draws), self.tokens(made, draws)
        if chosen.r1_gamma:
            for each in seen:
                each.requires_grad_(True)
        logits, made_logits = self.judge(seen, judged), self.judge(seen_made, judged)
        on_real, on_made = discriminator_loss(chosen.game, logits, made_logits)
        figures = {"real": on_real.mean(), "made": on_made.mean(), **told(logits, made_logits)}
        loss = figures["real"] + figures["made"]
        if chosen.mismatched_weight:
            others, differ = judged.exchanged()
            _, on_others = discriminator_loss(chosen.game, logits, self.judge(seen, others))
            figures["mismatched"] = (on_others * differ).mean()
            loss = loss + chosen.mismatched_weight * figures["mismatched"]
        if chosen.r1_gamma:
            figures["r1"] = head_penalty(logits, seen).mean()
            loss = loss + chosen.r1_gamma * figures["r1"]
        return loss, {name: each.detach() for name, each in figures.items()}

    def tokens(self, images: Tensor, draws: Draws) -> list[Tensor]:
        """Return what the network sees in images under random changes, [B, C, N] each."""
        chosen, side = self.options, self.features.side
        with torch.autocast(images.device.type, enabled=False):
            images = blur(images.float(), chosen.blur_at(draws.step))
            images = augment_images(images, chosen.augment, draws)
            is_cropped = draws.uniform() < chosen.crop_share
            images = to_side(images, side, is_cropped, draws.uniform((2,)))
        return self.features(images).tokens

    def judge(self, tokens: list[Tensor], judged: Judged) -> Logits:
        """Return the logits of every head, [B, 1, N] float32 each."""
        with torch.autocast(tokens[0].device.type, enabled=False):
            found: Logits = self.heads([each.float() for each in tokens], judged.joined)
        return found

    def after_step(self) -> None:
        """Take a step of the power iterations of the heads for each of their updates."""
        for _ in range(self.options.discriminator_updates):
            iterate_spectral_norms(self.heads)
