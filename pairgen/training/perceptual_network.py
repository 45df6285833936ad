"""What `pairgen train latent-lpips` needs, beside the methods, which state it in their files."""

from pairgen.methods.base import Needs, need

ABOUT = "E-LatentLPIPS: a perceptual network for latents, instead of a student"
NEEDS = Needs(
    kinds=("ode",),
    members=(
        need("latent.npy", note="what the network learns to classify"),
        need("txt", note="each text is a class, unless the dataset has classes (cls)"),
    ),
)
