"""An image tower and a text tower with a small shared embedding space.

Letters of the shapes: B = images or captions, L = tokens, D = 64.

Reference:
    Radford et al. 2021 (CLIP), arXiv:2103.00020, Section 2.3: the two towers.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pairgen.evaluation.sharpness import NUM_BANDS, band_energies

SIZE = 64
DIMENSION = 64
# Features that describe content; the others describe sharpness.
NUM_CONTENT = DIMENSION - NUM_BANDS


class PictureTextNet(nn.Module):
    """Embeds images and captions so that an image is close to a caption that describes it.

    The first 61 features of an image are learned, and its embedding is a linear map of them,
    scaled to unit length. They describe content: half of the training images were softened, so
    they hardly see a blur below 1 px. The last three are measured: the energies of the finest
    bands, so that a distance sees softness and grain. Every feature has mean 0 and variance 1
    over the training images, so that no few of them dominate a distance.

    Args:
        num_tokens: Size of the tokenizer's vocabulary.
    """

    def __init__(self, num_tokens: int) -> None:
        super().__init__()
        self.picture_tower = PictureTower()
        self.scale = nn.BatchNorm1d(DIMENSION, affine=False)
        self.picture_projection = nn.Linear(NUM_CONTENT, DIMENSION, bias=False)
        self.text_tower = TextTower(num_tokens)

    def features(self, pictures: Tensor) -> Tensor:
        """Return the features of images [B, 3, H, W] in [-1, 1], for distances: [B, D].

        Images that are not 64 x 64 are resized by antialiased bilinear interpolation; values
        outside the range are clipped, as they are when an image is saved.
        """
        if pictures.shape[-2:] != (SIZE, SIZE):
            pictures = F.interpolate(pictures, (SIZE, SIZE), mode="bilinear", antialias=True)
        pictures = pictures.clamp(-1, 1)
        measured = torch.cat((self.picture_tower(pictures), band_energies(pictures)), dim=1)
        features: Tensor = self.scale(measured)
        return features

    def embed_features(self, features: Tensor) -> Tensor:
        """Return the unit-length embeddings of features [B, D], for agreement: [B, D]."""
        return F.normalize(self.picture_projection(features[:, :NUM_CONTENT]), dim=-1)

    def embed_tokens(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return the unit-length embeddings of captions, [B, D].

        Args:
            tokens: Token numbers, [B, L].
            mask: 1 for tokens, 0 for padding, [B, L]. The amount of padding does not change the
                result.
        """
        return F.normalize(self.text_tower(tokens, mask), dim=-1)


class PictureTower(nn.Module):
    """Five convolutions, 64 px to 4 px, then mean and maximum over the image."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            # A coarse first step: on a CPU, large maps take most of the time.
            *convolution(3, 32, kernel_size=7, stride=4),
            *convolution(32, 64, kernel_size=3, stride=2),
            *convolution(64, 64, kernel_size=3, stride=1),
            *convolution(64, 128, kernel_size=3, stride=2),
            *convolution(128, 128, kernel_size=3, stride=1),
        )
        self.head = nn.Linear(2 * 128, NUM_CONTENT, bias=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the learned features, not yet scaled, [B, 61] of images [B, 3, 64, 64]."""
        maps = self.layers(pictures.contiguous(memory_format=torch.channels_last))
        pooled = torch.cat((maps.mean((2, 3)), maps.amax((2, 3))), dim=1)
        features: Tensor = self.head(pooled)
        return features


class TextTower(nn.Module):
    """Token embeddings, three residual convolutions of width 3, masked mean.

    Each position sees the three tokens before and after it, which is enough to tell the colour of
    the object from that of the background.
    """

    def __init__(self, num_tokens: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(num_tokens, DIMENSION)
        self.layers = nn.ModuleList(
            nn.Conv1d(DIMENSION, DIMENSION, kernel_size=3, padding=1) for _ in range(3)
        )
        self.norm = nn.LayerNorm(DIMENSION)
        self.head = nn.Linear(DIMENSION, DIMENSION, bias=False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return vectors [B, D] of tokens [B, L] where `mask` [B, L] is 1."""
        kept = mask.unsqueeze(1).to(self.tokens.weight.dtype)
        x = self.tokens(tokens).transpose(1, 2)  # B x D x L
        for layer in self.layers:
            x = x + F.relu(layer(x * kept))
        mean = (x * kept).sum(2) / kept.sum(2)
        vectors: Tensor = self.head(self.norm(mean))
        return vectors


def convolution(num_in: int, num_out: int, *, kernel_size: int, stride: int) -> list[nn.Module]:
    """Return a convolution with normalization and ReLU."""
    padding = kernel_size // 2
    return [
        nn.Conv2d(num_in, num_out, kernel_size, stride, padding, bias=False),
        nn.BatchNorm2d(num_out),
        nn.ReLU(inplace=True),
    ]
