"""A user's own annotator, found by its dotted name: it refuses every third sample."""

import signal

import numpy as np

from pairgen.annotators.base import Added, Annotator, Refused, picture_member
from pairgen.seeding import Stream, generator_for


def build(*, setup, level=128, fault=""):
    picture = picture_member(setup.members)
    spec = {"dtype": "float32", "shape": [2]}

    def annotate(samples):
        return [one(sample) for sample in samples]

    def one(sample):
        if sample.index % 3 == 2:
            return Refused("it is a third one")
        bright = float(np.mean(sample.fields[picture] > level))
        drawn = float(generator_for(setup.seed, sample.index, Stream.MASK).random())
        values = np.float32([bright, drawn])
        if fault == "not finite" and sample.index == 4:
            values[0] = np.nan
        if fault == "Ctrl-C" and sample.index == 3:
            signal.raise_signal(signal.SIGINT)
        if fault == "shape":
            values = values[:1]
        if fault == "column":
            return Added({"own.npy": values}, {"dark": bright})
        return Added({"own.npy": values}, {"bright": bright})

    return Annotator(
        reads=(picture,), adds={"own.npy": spec}, facts=("bright",), open=lambda _: annotate
    )
