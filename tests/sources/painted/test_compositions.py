"""What can be painted: what is held out, what is drawn, and what captions and tags say."""

from itertools import pairwise

import numpy as np
import pytest

from pairgen.sources.painted.compositions import (
    BACKGROUNDS,
    HELD_OUT_SHARE,
    PAINTS,
    Composition,
    all_compositions,
    draw_composition,
    load_concepts,
)

EVERYTHING = all_compositions()


def test_all_compositions_are_in_order_and_their_captions_unique():
    captions = [composition.caption for composition in EVERYTHING]
    assert all(a < b for a, b in pairwise(captions))


def test_every_look_of_every_concept_is_there():
    plain, paintable = load_concepts()
    looks = 2 * len(plain) + 2 * (1 + len(PAINTS)) * len(paintable)
    silhouettes = (len(BACKGROUNDS) - 1) * (len(plain) + len(paintable))
    assert len(EVERYTHING) == len(BACKGROUNDS) * (looks + silhouettes)


@pytest.mark.parametrize(
    ("composition", "caption"),
    [
        (Composition("3d", "red", "apple", "blue"), "a 3d red apple on a blue background"),
        (Composition("flat", None, "cat", "orange"), "a flat cat on an orange background"),
        (
            Composition("silhouette", "orange", "apple", "red"),
            "an orange apple silhouette on a red background",
        ),
    ],
)
def test_a_caption_says_every_part(composition, caption):
    assert composition.caption == caption


def test_a_tag_says_every_part():
    assert Composition("3d", "red", "apple", "blue").tag == "apple, red, 3d, blue background"
    assert Composition("flat", None, "hot dog", "gray").tag == "hot dog, flat, gray background"


def test_about_one_composition_in_ten_is_held_out():
    may_be = [each for each in EVERYTHING if each.colour or each.background != "white"]
    share = np.mean([composition.held_out for composition in may_be])
    # Three standard deviations of a fair hash.
    assert share == pytest.approx(1 / HELD_OUT_SHARE, abs=3 * np.sqrt(0.09 / len(may_be)))


def test_natural_colours_on_white_are_never_held_out():
    natural = [each for each in EVERYTHING if not each.colour and each.background == "white"]
    assert len(natural) == 2 * sum(map(len, load_concepts()))
    assert not any(composition.held_out for composition in natural)


def test_what_is_held_out_never_changes():
    # int.from_bytes(hashlib.sha256(caption.encode()).digest()[:4]) % 10 == 0
    held_out = [composition.caption for composition in EVERYTHING if composition.held_out]
    assert len(held_out) == 1948
    assert held_out[0] == "a 3d Christmas tree on a green background"
    assert held_out[1] == "a 3d alarm clock on a blue background"


def test_what_is_drawn_exists():
    generator, known = np.random.default_rng(0), set(EVERYTHING)
    drawn = [draw_composition(generator) for _ in range(2000)]
    assert set(drawn) <= known
    styles = [composition.style for composition in drawn]
    for style, share in (("3d", 0.45), ("flat", 0.4), ("silhouette", 0.15)):
        assert styles.count(style) / len(styles) == pytest.approx(share, abs=0.04)
