"""An annotator of pair sets: the mean of each latent."""

import numpy as np

from pairgen.annotators.base import Added, Annotator


def build(*, setup):
    def annotate(samples):
        means = [float(np.float32(each.fields["latent.npy"]).mean()) for each in samples]
        return [Added(facts={"latent_mean": mean}) for mean in means]

    return Annotator(reads=["latent.npy"], facts=["latent_mean"], open=lambda device: annotate)
