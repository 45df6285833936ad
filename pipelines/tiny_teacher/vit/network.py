"""The tiny ViT, and the heads it is trained with, which are not shipped."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from batches import SIZE
from torch import Tensor, nn
from transformers import Dinov2Config, Dinov2Model

from pairgen.sources.painted.compositions import BACKGROUNDS, STYLES, load_concepts
from vit.degrade import GRID, KINDS, PATCH
from vit.lessons import COLOURS, Lesson

WIDTH, NUM_LAYERS = 128, 4
# Channels of the VGG's maps, their side, and the layer of the ViT that says them.
TAPS = ((48, 8, 2), (96, 4, 3), (96, 2, 4))
# What is said of a whole picture, and its weight in the loss.
WEIGHTS = {"concept": 1.0, "style": 0.25, "colour": 0.25, "background": 0.25}
# What was done to a patch is learned the slowest.
KINDS_WEIGHT = 2.0


class Answer(NamedTuple):
    """What the heads say: logits, and the VGG's maps.

    Attributes:
        concept: [B, 155].
        style: [B, 3].
        colour: [B, 11].
        background: [B, 10].
        coverage: [B, 8, 8].
        kinds: [B, 6, 8, 8].
        maps: Standardized, [B, 48, 8, 8], [B, 96, 4, 4] and [B, 96, 2, 2].
    """

    concept: Tensor
    style: Tensor
    colour: Tensor
    background: Tensor
    coverage: Tensor
    kinds: Tensor
    maps: list[Tensor]


def make_vit() -> Dinov2Model:
    """DINOv2's class for 64 px, with patches of 8 px: 0.83 M parameters."""
    config = Dinov2Config(
        image_size=SIZE,
        patch_size=PATCH,
        hidden_size=WIDTH,
        num_hidden_layers=NUM_LAYERS,
        num_attention_heads=4,
        mlp_ratio=4,
        # transformers' 0.02 is meant for six times the width.
        initializer_range=0.05,
    )
    return Dinov2Model(config)


class Pupil(nn.Module):
    """The ViT with a linear head for all it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = make_vit()
        # Of the class token beside the mean of the patches, as DINOv2's own linear probes.
        sizes = (sum(map(len, load_concepts())), len(STYLES), len(COLOURS), len(BACKGROUNDS))
        self.picture_heads = nn.ModuleList(nn.Linear(2 * WIDTH, size) for size in sizes)
        self.patch_head = nn.Linear(WIDTH, 1 + len(KINDS))
        self.map_heads = nn.ModuleList(nn.Linear(WIDTH, channels) for channels, _, _ in TAPS)

    def forward(self, pictures: Tensor) -> Answer:
        """Answer about pictures [B, 3, 64, 64] in [-1, 1]."""
        output = self.vit(pixel_values=pictures, output_hidden_states=True)
        tokens = output.last_hidden_state
        both = torch.cat((tokens[:, 0], tokens[:, 1:].mean(dim=1)), dim=1)
        said = self.patch_head(tokens[:, 1:]).mT.unflatten(2, (GRID, GRID))
        maps = []
        for head, (_, side, layer) in zip(self.map_heads, TAPS, strict=True):
            hidden = output.hidden_states[layer][:, 1:].mT.unflatten(2, (GRID, GRID))
            pooled = F.adaptive_avg_pool2d(hidden, side)
            maps.append(head(pooled.movedim(1, 3)).movedim(3, 1))
        return Answer(*(head(both) for head in self.picture_heads), said[:, 0], said[:, 1:], maps)


def losses(answer: Answer, lesson: Lesson, maps: list[Tensor]) -> dict[str, Tensor]:
    """Return all terms of the loss, weighted.

    Args:
        answer: What the heads say.
        lesson: What is true.
        maps: The VGG's, standardized.
    """
    terms = {
        name: weight * F.cross_entropy(getattr(answer, name), getattr(lesson, name))
        for name, weight in WEIGHTS.items()
    }
    terms["coverage"] = F.binary_cross_entropy_with_logits(answer.coverage, lesson.coverage)
    terms["kinds"] = KINDS_WEIGHT * balanced_cross_entropy(answer.kinds, lesson.kinds)
    terms["maps"] = torch.stack(
        [F.mse_loss(said, true) for said, true in zip(answer.maps, maps, strict=True)]
    ).mean()
    return terms


def balanced_cross_entropy(logits: Tensor, kinds: Tensor) -> Tensor:
    """Return the mean over kinds of the mean over their patches.

    Most patches are untouched: without the balance they are nearly all that is learned.

    Args:
        logits: [B, 6, 8, 8].
        kinds: [B, 8, 8], negative where it is uncertain.
    """
    each = F.cross_entropy(logits, kinds, reduction="none").flatten()
    found = kinds.flatten()
    return torch.stack([each[found == kind].mean() for kind in found[found >= 0].unique()]).mean()
