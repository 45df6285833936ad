"""The tiny world: what is held out, and that captions and vocabulary fit each other."""

from itertools import pairwise

import numpy as np
import pytest
from compositions import (
    BACKGROUNDS,
    HELD_OUT_SHARE,
    PAINTS,
    Composition,
    all_compositions,
    draw_composition,
    load_concepts,
    vary_caption,
)
from tokenizer import LITTLE_WORDS, tiny_words, write_tokenizer
from transformers import CLIPTokenizer

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
    generator, known, concepts = np.random.default_rng(0), set(EVERYTHING), load_concepts()
    drawn = [draw_composition(generator, concepts) for _ in range(2000)]
    assert set(drawn) <= known
    styles = [composition.style for composition in drawn]
    for style, share in (("3d", 0.45), ("flat", 0.4), ("silhouette", 0.15)):
        assert styles.count(style) / len(styles) == pytest.approx(share, abs=0.04)


def test_a_varied_caption_keeps_thing_and_colour_in_order():
    generator = np.random.default_rng(0)
    for place in generator.choice(len(EVERYTHING), 500):
        composition = EVERYTHING[place]
        words = vary_caption(composition, generator).split()
        said = iter(composition.caption.split())
        # In order: each word is looked for behind the one before.
        assert all(word in said for word in words if word not in ("a", "an"))
        assert set(composition.concept.split()) <= set(words)
        assert composition.colour is None or composition.colour in words


def test_every_word_of_every_caption_is_one_token(tmp_path):
    write_tokenizer(tmp_path / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path / "tokenizer")
    assert set(LITTLE_WORDS) <= set(tiny_words())
    words = {word for each in EVERYTHING for word in each.caption.lower().split()}
    for word in words | set(LITTLE_WORDS):
        # CLIP splits digits from letters before anything else.
        expected = ["3</w>", "d</w>"] if word == "3d" else [f"{word}</w>"]
        assert tokenizer.tokenize(word) == expected
