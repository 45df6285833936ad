"""A user's own tagger, found by its dotted name: it says how bright a picture is."""

from pairgen.annotators.base import Added, Annotator, Refused, picture_member


def build(*, setup, word="bright", member="tag.txt"):
    """Says `word` and the mean of the levels; refuses what is dark."""
    picture = picture_member(setup.members)

    def annotate(samples):
        means = [sample.fields[picture].mean() for sample in samples]
        return [
            Added({member: f"{word} {mean:.0f}"}) if mean > 5 else Refused("it is dark")
            for mean in means
        ]

    spec = {} if member.endswith(".txt") else {"dtype": "float32", "shape": [1]}
    return Annotator(reads=(picture,), adds={member: spec}, open=lambda _: annotate)
