"""Edits of a painted picture: an instruction, and the scene as it is afterwards.

What an instruction does not name stays: the place and size of the thing, its flip, every shade.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pairgen.sources.painted.compositions import (
    BACKGROUNDS,
    PAINTS,
    STYLES,
    Composition,
    draw_composition,
    load_concepts,
    with_article,
)
from pairgen.sources.painted.cutouts import nearest_paint
from pairgen.sources.painted.painter import paint
from pairgen.sources.painted.scene import Scene, draw_scene, draw_shift

# An edit is visible if this share of the pixels changes by more than so many 8-bit levels. It is
# looked at in pictures of one side, so that equal numbers mean equal edits in every size.
VISIBLE_SHARE, VISIBLE_CHANGE, LOOKED_AT = 0.04, 64, 64
WORDS = {
    "colour": ("make the {thing} {colour}", "paint the {thing} {colour}"),
    "background": ("put it on {a_background} background", "make the background {background}"),
    "concept": ("turn the {thing} into {a_new}", "replace the {thing} with {a_new}"),
    "flat": ("make it a flat drawing", "make it flat"),
    "3d": ("make it 3d", "make it a 3d picture"),
    "silhouette": ("make it {a_colour} silhouette", "turn it into {a_colour} silhouette"),
}


@dataclass(frozen=True)
class Edit:
    """An edit.

    Attributes:
        source: The scene before.
        target: The scene afterwards.
        instruction: What is asked for.
    """

    source: Scene
    target: Scene
    instruction: str


def draw_edit(generator: np.random.Generator, wanted: Callable[[Edit], bool]) -> Edit:
    """Draw edits until one is wanted and visible.

    Args:
        generator: Draws the source as `draw_composition` does, then what is asked for.
        wanted: Whether an edit may be used.
    """
    while True:
        source = draw_scene(draw_composition(generator), generator)
        edit = _draw_change(source, generator)
        if wanted(edit) and is_visible(edit):
            return edit


def is_visible(edit: Edit) -> bool:
    """Whether a viewer can see an edit: a few things look nearly the same in both styles."""
    before, after = (paint(scene, LOOKED_AT).picture for scene in (edit.source, edit.target))
    change = np.abs(before.astype(np.int16) - after).max(axis=2)
    return float((change > VISIBLE_CHANGE).mean()) >= VISIBLE_SHARE


def _draw_change(source: Scene, generator: np.random.Generator) -> Edit:
    shown = source.composition
    is_solid = shown.style == "silhouette"
    kinds = ["background", "concept", "style"]
    if is_solid or shown.concept in load_concepts()[1]:
        kinds.append("colour")
    kind = kinds[generator.integers(len(kinds))]
    if kind == "colour":
        target = replace(shown, colour=_other(generator, _colours(shown), shown.colour))
    elif kind == "background":
        known = [name for name in BACKGROUNDS if not is_solid or name != shown.colour]
        target = replace(shown, background=_other(generator, known, shown.background))
    elif kind == "concept":
        plain, paintable = load_concepts()
        # What is painted stays painted: only some things can be.
        can_be = (*plain, *paintable) if is_solid or shown.colour is None else tuple(paintable)
        target = replace(shown, concept=_other(generator, can_be, shown.concept))
    else:
        target = _restyled(shown, generator)
        kind = target.style
    choices = WORDS[kind]
    instruction = choices[generator.integers(len(choices))].format(**_words(shown, target))
    becomes_solid = target.style == "silhouette" and not is_solid
    shift = draw_shift(generator) if becomes_solid else source.thing_shift
    return Edit(source, replace(source, composition=target, thing_shift=shift), instruction)


def _colours(shown: Composition) -> Sequence[str]:
    """Return the colours that a silhouette or a paintable thing can be given."""
    if shown.style == "silhouette":
        return [name for name in BACKGROUNDS if name != shown.background]
    if shown.colour is None:
        # A tomato that is painted red is still the same tomato.
        return [name for name in PAINTS if name != nearest_paint(shown.style, shown.concept)]
    return PAINTS


def _restyled(shown: Composition, generator: np.random.Generator) -> Composition:
    """Return a composition in another style; a thing keeps a colour that it can have there."""
    style = _other(generator, STYLES, shown.style)
    if style == "silhouette":
        solid = replace(shown, style=style)
        return replace(solid, colour=_other(generator, _colours(solid), None))
    can_keep = shown.concept in load_concepts()[1] and shown.colour in PAINTS
    return replace(shown, style=style, colour=shown.colour if can_keep else None)


def _other(generator: np.random.Generator, known: Sequence[str], now: str | None) -> str:
    """Draw one of the known values, but not the present one."""
    others = [each for each in known if each != now]
    return others[generator.integers(len(others))]


def _words(before: Composition, after: Composition) -> Mapping[str, str]:
    return {
        "thing": before.concept,
        "a_new": with_article(after.concept),
        "colour": after.colour or "",
        "a_colour": with_article(after.colour) if after.colour else "",
        "background": after.background,
        "a_background": with_article(after.background),
    }
