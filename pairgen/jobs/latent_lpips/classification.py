"""The first stage: features that recognize the content of a latent or an image."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pairgen.draws import Draws
from pairgen.networks.latent_vgg import LatentVgg
from pairgen.shards.loading.batch import Batch

PLAYER = "classifier"


@dataclass(frozen=True)
class Labelled:
    """Training inputs from a batch.

    Attributes:
        inputs: Latents, or images in [-1, 1], [B, C, H, W].
        labels: Classes, [B] int64.
        held_out: Which samples are not trained on, [B] bool.
    """

    inputs: Tensor
    labels: Tensor
    held_out: Tensor


class Classifier(nn.Module):
    """A VGG, global average pooling of its last maps, and one linear layer.

    VGG16's own head, two layers of 4,096, would be 120 million weights that are discarded after
    the training; for the taps it is enough that something reads the last of them.

    Args:
        net: Network whose features are to be trained.
        num_classes: Number of classes.
    """

    def __init__(self, net: LatentVgg, num_classes: int) -> None:
        super().__init__()
        self.net = net
        self.head = nn.Linear(net.tap_channels[-1], num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits of inputs [B, C, H, W], [B, num_classes]."""
        logits: Tensor = self.head(self.net(inputs)[-1].mean((2, 3)))
        return logits


class Classification:
    """Cross-entropy on augmented inputs; a `Game`.

    Args:
        classifier: Classifier to train; it is put into training mode.
        read: Returns the training inputs of a batch.
        max_shift: Maximum shift up, down, left and right, in latent or image pixels.

    Reference:
        Kang et al. 2024, arXiv:2405.05967: a VGG16 that classifies ImageNet from latents. Flips
            and shifts replace their crops here.
    """

    def __init__(
        self, classifier: Classifier, read: Callable[[Batch], Labelled], max_shift: int
    ) -> None:
        self._classifier, self._read, self._max_shift = classifier.train(), read, max_shift

    def players(self) -> Mapping[str, nn.Module]:
        """Return the classifier."""
        return {PLAYER: self._classifier}

    def rounds(self, step: int) -> Sequence[Sequence[str]]:  # noqa: ARG002
        """Return the classifier, always."""
        return ((PLAYER,),)

    def forward(
        self, players: Sequence[str], batch: Batch, draws: Draws
    ) -> tuple[Tensor, Tensor, bool]:
        """Return logits and labels of samples that are not held out, and whether there are any."""
        del players
        given = self._read(batch)
        moved = moved_at_random(given.inputs, draws, self._max_shift)
        kept = ~given.held_out
        any_kept = bool(kept.any())
        # Remove them before the network: batch norm would otherwise see held-out samples.
        rows = kept if any_kept else torch.ones_like(kept)
        return self._classifier(moved[rows]), given.labels[rows], any_kept

    def loss(
        self, player: str, shared: tuple[Tensor, Tensor, bool], batch: Batch, draws: Draws
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean cross-entropy, and the share of correct predictions."""
        del player, draws
        logits, labels, any_kept = shared
        total = F.cross_entropy(logits.float(), labels, reduction="sum") * any_kept
        top_1 = (logits.detach().argmax(1) == labels).float().mean()
        return total / len(batch), {"top_1": top_1}

    def after_step(self, step: int) -> None:
        """Do nothing."""

    def kept(self) -> Mapping[str, nn.Module]:
        """Return nothing: the means and variances of batch norms are buffers of the player."""
        return {}


def moved_at_random(inputs: Tensor, draws: Draws, max_shift: int) -> Tensor:
    """Return inputs [B, C, H, W], half of them flipped, each shifted; the border is repeated.

    A flipped latent is nearly the latent of the flipped image: the VAE is convolutional.

    Args:
        inputs: Inputs of the batch.
        draws: Draws of the step.
        max_shift: Maximum shift up, down, left and right, in latent or image pixels.
    """
    flipped = draws.uniform() < 0.5
    inputs = torch.where(flipped[:, None, None, None], inputs.flip(-1), inputs)
    if max_shift == 0:
        return inputs
    height, width = inputs.shape[-2:]
    top, left = (draws.integers(0, 2 * max_shift + 1)[:, None] for _ in range(2))
    padded = F.pad(inputs, (max_shift,) * 4, mode="replicate")
    rows = top + torch.arange(height, device=inputs.device)
    columns = left + torch.arange(width, device=inputs.device)
    samples = torch.arange(len(inputs), device=inputs.device)[:, None, None]
    # Indices around the slice come first: [B, H, W, C].
    moved = padded[samples, :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True)
class HeldOutScore:
    """How well held-out samples are classified.

    Attributes:
        num_samples: Number of held-out samples.
        top_1: Share of correct predictions.
        chance: Share that always predicting the most frequent class would get.
    """

    num_samples: int
    top_1: float
    chance: float


@torch.no_grad()
def score_held_out(classifier: Classifier, samples: Iterable[Labelled]) -> HeldOutScore:
    """Classify the held-out ones among some samples, with the classifier in eval mode."""
    classifier.eval()
    right, labels = [torch.zeros(0)], [torch.zeros(0, dtype=torch.int64)]
    for given in samples:
        rows = given.held_out
        if bool(rows.any()):
            guessed = classifier(given.inputs[rows]).argmax(1)
            right.append((guessed == given.labels[rows]).float().cpu())
            labels.append(given.labels[rows].cpu())
    total = sum(len(each) for each in right)
    if total == 0:
        return HeldOutScore(0, 0.0, 0.0)
    most = int(torch.cat(labels).bincount().max())
    return HeldOutScore(total, round(float(torch.cat(right).mean()), 4), round(most / total, 4))
