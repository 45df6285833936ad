"""A user's own method for tests, which states what it needs and is never built."""

from pairgen.methods.base import Needs, need

NEEDS = Needs(
    members=(
        need("latent.npy", "png", note="png is encoded by the student's VAE"),
        need("tag.txt", "txt"),
        need("canny.png"),
        need("own.npy"),
    ),
    facts=("sharpness",),
)


def build(*, setup):
    """Fail: what it needs is compared before it is built."""
    raise AssertionError(setup)
