"""Captions of the tiny world as training says them, and the vocabulary that they fit."""

import numpy as np
from batches import vary_caption
from tokenizer import LITTLE_WORDS, tiny_words, write_tokenizer
from transformers import CLIPTokenizer

from pairgen.sources.painted.compositions import all_compositions

EVERYTHING = all_compositions()


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
