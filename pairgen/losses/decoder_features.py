"""A perceptual distance: how different two latents look to the decoder that will show them."""

from collections.abc import Sequence

from torch import Tensor

# Prevents a division by zero for channels that are zero everywhere.
EPSILON = 1e-5


def feature_distance(student: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
    """Return the mean over layers of the mean squared difference of standardised features.

    Each channel of each sample is divided by the target's standard deviation over the plane, so
    that no layer or strong channel dominates.

    Args:
        student: Feature maps of the decoder, [B, C_l, H_l, W_l] for each layer l; the last is the
            image.
        target: Feature maps of the target, likewise; they get no gradient.

    Reference:
        Berrada et al. 2024, arXiv:2411.04873: features of the latent decoder as a training loss.
    """
    total = student[0].new_zeros(())
    for ours, theirs in zip(student, target, strict=True):
        theirs = theirs.detach().float()
        # Means cancel in the difference.
        std = theirs.std(dim=(2, 3), keepdim=True)
        total = total + ((ours.float() - theirs) / (std + EPSILON)).square().mean()
    return total / len(student)
