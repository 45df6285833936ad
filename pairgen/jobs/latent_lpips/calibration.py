"""The second stage: channel weights with which the network agrees with the judgements."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.jobs.latent_lpips.triplets import Measured
from pairgen.networks.lpips import Lpips
from pairgen.shards.loading.batch import Batch

PLAYER = "weights"


class ChannelWeights(nn.Module):
    """One weight per channel of all taps, and a scale for the difference of distances.

    Args:
        num_channels: K, over all taps.
    """

    def __init__(self, num_channels: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(num_channels))
        self.log_sharpness = nn.Parameter(torch.zeros(()))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the logit of "the second is closer", [B], from differences [B, K]."""
        return self.log_sharpness.exp() * ((first - second) @ self.weights)


class Calibration:
    """Binary cross-entropy between a logistic of d0 - d1 and the judgement; a `Game`.

    Zhang et al. train a small network from (d0, d1) to the judgement along with the weights. The
    logistic of the difference is its simplest case: it needs no second network, is symmetric in
    the two versions, and increases strictly with d0 - d1, which determines the agreement.

    Args:
        weights: The weights to train.

    Reference:
        Zhang et al. 2018, arXiv:1801.03924, Section 3.1 ("lin": the network frozen, weights of the
        channels kept at 0 or more).
    """

    def __init__(self, weights: ChannelWeights) -> None:
        self._weights = weights

    def players(self) -> Mapping[str, nn.Module]:
        """Return the weights."""
        return {PLAYER: self._weights}

    def rounds(self, step: int) -> Sequence[Sequence[str]]:  # noqa: ARG002
        """Return the weights, always."""
        return ((PLAYER,),)

    def forward(self, players: Sequence[str], batch: Batch, draws: Draws) -> Tensor:
        """Return the logits, [B]."""
        del players, draws
        logits: Tensor = self._weights(batch["first"], batch["second"])
        return logits

    def loss(
        self, player: str, shared: Tensor, batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean cross-entropy, and the agreement with the judgements."""
        del player, draws
        judge = batch["judge"]
        loss = F.binary_cross_entropy_with_logits(shared, judge)
        return loss, {"agreement": _agreements(shared.detach(), judge).mean()}

    def after_step(self, step: int) -> None:  # noqa: ARG002
        """Clamp the weights to 0 or more: a difference never makes two things more similar."""
        with torch.no_grad():
            self._weights.weights.clamp_(min=0)

    def kept(self) -> Mapping[str, nn.Module]:
        """Return nothing."""
        return {}


def training_tensors(measured: Measured) -> dict[str, Tensor]:
    """Return the tensors for batches of a calibration: the triplets that are not held out."""
    rows = ~measured.held_out
    return {name: getattr(measured, name)[rows] for name in ("first", "second", "judge")}


def agreement(weights: Tensor, measured: Measured) -> dict[str, float]:
    """Return the agreement with held-out judgements: over all, and for each kind.

    Two-alternative agreement: the share of people who chose the version that the weights find
    closer; 0.5 for ties.

    Args:
        weights: Channel weights, [K].
        measured: The triplets.

    Reference:
        Zhang et al. 2018, arXiv:1801.03924, Section 4 (2AFC).
    """
    rows = measured.held_out
    logits = (measured.first[rows] - measured.second[rows]) @ weights
    found = _agreements(logits, measured.judge[rows])
    kinds = measured.kinds[rows]
    of_kinds = {
        name: found[kinds == number]
        for number, name in enumerate(measured.kind_names)
        if bool((kinds == number).any())
    }
    means = {name: round(float(each.mean()), 4) for name, each in of_kinds.items()}
    return {"all": round(float(found.mean()), 4), **means}


@torch.no_grad()
def set_weights(lpips: Lpips, weights: Tensor, measured: Measured) -> None:
    """Set the weights of LPIPS, scaled so that the mean distance of unrelated samples is 1.

    The judgements determine the weights only up to a factor. This factor makes the distances of
    different networks, and so the weight of a loss, comparable.

    Args:
        lpips: LPIPS with the network that measured the triplets.
        weights: Channel weights, [K].
        measured: The triplets.
    """
    scaled = weights / (measured.unrelated @ weights)
    parts = scaled.split(list(lpips.net.tap_channels))
    for target, part in zip(lpips.weights, parts, strict=True):
        target.copy_(part.reshape(target.shape))


def _agreements(logits: Tensor, judge: Tensor) -> Tensor:
    return torch.where(logits > 0, judge, torch.where(logits < 0, 1 - judge, 0.5))
