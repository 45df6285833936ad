"""An annotator of texts for tests: a small array of each, which tells the text."""

import hashlib

import numpy as np

from pairgen.annotators.base import Added, Annotator, Refused, Setup

MEMBER = "own_emb.npy"
SPEC = {"dtype": "float16", "shape": [3, 5]}


def embedding(text: str) -> np.ndarray:
    """Return the array of a text."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.default_rng(seed).standard_normal((3, 5)).astype(np.float16)


def build(*, setup: Setup, refuse: str = "none", says: str = "") -> Annotator:
    """Refuses the text `refuse`; counts in the file `says` how many texts it was given."""
    assert "txt" in setup.members

    def annotate(samples):
        if says:
            with open(says, "a", encoding="utf-8") as file:
                file.writelines(f"{each.fields['txt']}\n" for each in samples)
        texts = [each.fields["txt"] for each in samples]
        added = {text: Added({MEMBER: embedding(text)}) for text in texts}
        return [Refused("it is refused") if text == refuse else added[text] for text in texts]

    return Annotator(
        reads=("txt",),
        adds={MEMBER: SPEC},
        open=lambda device: annotate,
        places=("says",),
        distinct="txt",
    )
