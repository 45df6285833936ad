"""What can be in a painted picture, and how a caption says it.

A composition is (style, colour, concept, background). One in ten is held out by its hash: no
training of the teacher `tiny` or of the evaluation net ever saw it. Everything else about a picture
(place, size, flip, shade, gradient) is left to chance, so one caption has many pictures.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from pairgen.config import packaged_assets, read_yaml

STYLES = ("3d", "flat", "silhouette")
PAINTS = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
BACKGROUNDS = ("white", "gray", "black", *PAINTS)
HELD_OUT_SHARE = 10


@cache
def load_concepts() -> tuple[dict[str, str], dict[str, str]]:
    """Return {name: code point} of the plain and of the paintable concepts."""
    content = read_yaml(packaged_assets() / "painted/concepts.yaml")
    return content["plain"], content["paintable"]


@dataclass(frozen=True, order=True)
class Composition:
    """What a caption says. `colour` is None when the concept keeps its own colours."""

    style: str
    colour: str | None
    concept: str
    background: str

    @property
    def caption(self) -> str:
        """The full caption, e.g. "a flat red apple on a blue background"."""
        words = [self.style, self.colour, self.concept]
        if self.style == "silhouette":
            words = [self.colour, self.concept, "silhouette"]
        thing = with_article(" ".join(word for word in words if word))
        return f"{thing} on {with_article(self.background)} background"

    @property
    def tag(self) -> str:
        """Its words, such as "apple, red, flat, blue background"."""
        words = (self.concept, self.colour, self.style, f"{self.background} background")
        return ", ".join(word for word in words if word)

    @property
    def held_out(self) -> bool:
        """Whether training must not see it; never true of natural colours on white."""
        if self.colour is None and self.background == "white":
            return False
        digest = hashlib.sha256(self.caption.encode()).digest()
        return int.from_bytes(digest[:4]) % HELD_OUT_SHARE == 0


def all_compositions() -> list[Composition]:
    """Every composition there is, in a fixed order."""
    plain, paintable = load_concepts()
    found = []
    for background in BACKGROUNDS:
        for concept in (*plain, *paintable):
            paints = (None, *PAINTS) if concept in paintable else (None,)
            found += [
                Composition(style, colour, concept, background)
                for style in ("3d", "flat")
                for colour in paints
            ]
            found += [
                Composition("silhouette", colour, concept, background)
                for colour in BACKGROUNDS
                if colour != background
            ]
    return sorted(found, key=lambda composition: composition.caption)


def draw_composition(generator: np.random.Generator) -> Composition:
    """Draw a composition: 45 % 3d, 40 % flat, 15 % silhouettes.

    A third of the pictures of a paintable concept keep its own colours; white backgrounds are
    twice as likely as any other.
    """
    plain, paintable = load_concepts()
    style = STYLES[generator.choice(3, p=(0.45, 0.4, 0.15))]
    # A paintable concept has eight looks in each style instead of one.
    weights = np.array([1.0] * len(plain) + [3.0] * len(paintable))
    concept = (*plain, *paintable)[generator.choice(len(weights), p=weights / weights.sum())]
    places = ("white", *BACKGROUNDS)
    background = places[generator.integers(len(places))]
    colour = None
    if style == "silhouette":
        others = [name for name in BACKGROUNDS if name != background]
        colour = others[generator.integers(len(others))]
    elif concept in paintable and generator.random() < 2 / 3:
        colour = PAINTS[generator.integers(len(PAINTS))]
    return Composition(style, colour, concept, background)


def draw_where(
    generator: np.random.Generator, wanted: Callable[[Composition], bool]
) -> Composition:
    """Draw as `draw_composition` does until a composition is wanted."""
    while not wanted(composition := draw_composition(generator)):
        pass
    return composition


def with_article(words: str) -> str:
    """Put "a" or "an" before the words."""
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
