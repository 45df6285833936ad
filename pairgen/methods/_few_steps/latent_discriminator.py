"""A discriminator of latents: heads on what the frozen teacher's blocks make of them, noised."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pairgen.draws import Draws
from pairgen.losses.adversarial import (
    Logits,
    discriminator_loss,
    head_penalty,
    score,
    student_loss,
    told,
)
from pairgen.methods._few_steps.ladd_options import FEATURES, FINITE, OFF, LADDOptions
from pairgen.methods._few_steps.pooled import pooled
from pairgen.networks.denoiser_features import DenoiserFeatures
from pairgen.networks.feature_heads import FeatureHeads
from pairgen.sampling.conditioning import Conditioning
from pairgen.sampling.parameterization import column
from pairgen.teachers.base import Denoiser


@dataclass(frozen=True)
class Noised:
    """Latents as the teacher sees them.

    Attributes:
        features: The teacher's feature maps, [B, C_l, H_l, W_l] each.
        level: log(alpha / sigma), [B].
    """

    features: list[Tensor]
    level: Tensor


class LatentDiscriminator:
    """The losses of both sides; only its heads are trained.

    Args:
        frozen: The teacher's network, frozen.
        options: The options of the method.
        text_width: Channels of a pooled text.
        device: Device of the heads.

    Raises:
        ConfigError: The teacher's network is not a UNet.

    Reference:
        Sauer et al. 2024 (LADD), arXiv:2403.12015, Section 4.
    """

    def __init__(
        self, frozen: Denoiser, options: LADDOptions, *, text_width: int, device: torch.device
    ) -> None:
        self.options, self._schedule = options, frozen.schedule
        self._features = DenoiserFeatures(frozen)
        self.heads = FeatureHeads(self._features.widths, text_width, options.head_width).to(device)

    @property
    def evaluations(self) -> int:
        """Evaluations of the teacher, per sample and update of the heads."""
        return 3 if self.options.r1 == FINITE else 2

    def student_loss(self, made: Tensor, conditioning: Conditioning, draws: Draws) -> Tensor:
        """Return the student's loss on its latents, a scalar.

        Args:
            made: The student's latents, [B, C, H, W], with gradients.
            conditioning: The prompts' conditioning, B rows.
            draws: Level and noise.
        """
        noised = self.noised(made, conditioning, self.level(draws), _eps(made, draws))
        return student_loss(self.options.game, self.judge(noised, conditioning)).mean()

    def loss(
        self, real: Tensor, made: Tensor, conditioning: Conditioning, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the heads, a scalar, and its figures.

        Args:
            real: Latents of the data, [B, C, H, W].
            made: The student's latents, [B, C, H, W], without gradients.
            conditioning: The prompts' conditioning, B rows.
            draws: Levels and noises.
        """
        chosen = self.options
        level, eps = self.level(draws), _eps(real, draws)
        made_level, made_eps = level, eps
        if not chosen.same_noise:
            made_level, made_eps = self.level(draws), _eps(real, draws)
        with torch.no_grad():
            seen = self.noised(real, conditioning, level, eps)
            seen_made = self.noised(made, conditioning, made_level, made_eps)
        if chosen.r1 == FEATURES:
            for each in seen.features:
                each.requires_grad_(True)
        logits, made_logits = (self.judge(each, conditioning) for each in (seen, seen_made))
        on_real, on_made = discriminator_loss(chosen.game, logits, made_logits)
        figures = {"real": on_real.mean(), "made": on_made.mean(), **told(logits, made_logits)}
        loss = figures["real"] + figures["made"]
        if chosen.r1 != OFF:
            if chosen.r1 == FEATURES:
                penalty = head_penalty(logits, seen.features)
            else:
                # At the same level and with the same noise: only the latents differ.
                near = real + chosen.r1_alpha * _eps(real, draws)
                with torch.no_grad():
                    seen_near = self.noised(near, conditioning, level, eps)
                penalty = _by_difference(logits, self.judge(seen_near, conditioning))
            figures["r1"] = penalty.mean()
            loss = loss + chosen.r1_gamma * figures["r1"]
        return loss, {name: each.detach() for name, each in figures.items()}

    def level(self, draws: Draws) -> Tensor:
        """Draw log(alpha / sigma) of each sample, [B] float64: -u, u ~ N(mean, std^2)."""
        normal = draws.normal(()).double()
        return -(self.options.level_mean + self.options.level_std * normal)

    def noised(
        self, latents: Tensor, conditioning: Conditioning, level: Tensor, eps: Tensor
    ) -> Noised:
        """Return latents [B, C, H, W] as the teacher sees them at levels [B], with noises."""
        t = self._schedule.time_of(level)
        alpha, sigma = (column(each.float()) for each in self._schedule.alpha_sigma(t))
        return Noised(self._features(alpha * latents + sigma * eps, t, conditioning), level)

    def judge(self, noised: Noised, conditioning: Conditioning) -> Logits:
        """Return the logits of every head, [B, 1, H_l, W_l] float32 each."""
        with torch.autocast(noised.level.device.type, enabled=False):
            found: Logits = self.heads(noised.features, noised.level, pooled(conditioning))
        return found


def _eps(latents: Tensor, draws: Draws) -> Tensor:
    return draws.normal(tuple(latents.shape[1:]))


def _by_difference(logits: Logits, near: Logits) -> Tensor:
    """Return the squared difference of logits, [B], the mean over places and heads."""
    return score([(one - other).square() for one, other in zip(logits, near, strict=True)])
