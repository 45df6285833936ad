"""A CLIP tokenizer whose words are those of the tiny world; anything else is spelt in pieces."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from architecture import NUM_TOKENS
from tokenizers import pre_tokenizers

from pairgen.sources.painted.compositions import all_compositions

START, END = "<|startoftext|>", "<|endoftext|>"

# Little words that people type; the teacher was not trained on them.
LITTLE_WORDS = """
and the of in at to with by for from over under two three is are very small large big tiny old new
sky sea snow grass photo picture painting drawing
""".split()  # noqa: SIM905


def tiny_words() -> list[str]:
    """Every word of every caption, in order of the alphabet, then the little words."""
    text = " ".join(composition.caption for composition in all_compositions()).lower()
    splitter = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces = {
        piece
        for word in set(text.replace("-", " ").replace("3d", "3 d").split())
        for piece, _ in splitter.pre_tokenize_str(word)
    }
    return [*sorted(pieces), *LITTLE_WORDS]


def write_tokenizer(folder: Path) -> None:
    """Write vocab.json, merges.txt and the configs of a `CLIPTokenizer`."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = learn_merges(tiny_words())
    names = [*letters, *(letter + "</w>" for letter in letters)]
    names += dict.fromkeys(left + right for left, right in merges)
    vocabulary = {name: i for i, name in enumerate([*names, START, END])}
    folder.mkdir(parents=True)
    write_json(folder / "vocab.json", vocabulary)
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": END}
    write_json(folder / "special_tokens_map.json", special)
    config = {"tokenizer_class": "CLIPTokenizer", "model_max_length": NUM_TOKENS, **special}
    write_json(folder / "tokenizer_config.json", config)


def learn_merges(words: list[str]) -> list[tuple[str, str]]:
    """Learn byte-pair merges until every word is one token; ties go by the alphabet."""
    spelt = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges = []
    while counts := Counter(pair for word in spelt for pair in pairwise(word)):
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        spelt = [merge(word, best) for word in spelt]
    return merges


def merge(word: list[str], pair: tuple[str, str]) -> list[str]:
    """Apply one merge to one spelt word."""
    merged: list[str] = []
    for part in word:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged


def write_json(path: Path, data: object) -> None:
    """Write data as readable JSON."""
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
