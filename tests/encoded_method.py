"""A user's own method for tests, which needs what a model encodes and is never built."""

from pairgen.methods.base import Needs, need

NEEDS = Needs(members=(need("latent.npy"), need("txt_emb.npy")))


def build(*, setup):
    """Fail: what it needs is compared before it is built."""
    raise AssertionError(setup)
