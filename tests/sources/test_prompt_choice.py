"""Which prompts are taken: the first of equals, a seeded order, a limit; against plain Python."""

from pathlib import Path

import numpy as np
import pytest

from pairgen.seeding import Stream, generator_for
from pairgen.sources import prompt_choice
from pairgen.sources.prompt_choice import BATCH_ROWS, Choice, first_rows, shuffled
from pairgen.sources.prompts import PromptSummary, collect_prompts, open_prompts


def choose(prompts: list[str], folder: Path, **options: object) -> tuple[list[str], PromptSummary]:
    target = folder / "prompts.arrow"
    summary = collect_prompts(iter(prompts), target, choice=Choice(**options))
    assert [path.name for path in folder.iterdir()] == ["prompts.arrow"]
    return open_prompts(target).to_pylist(), summary


def test_the_first_of_equal_prompts_is_kept_after_stripping(tmp_path: Path) -> None:
    found, summary = choose(["b", " a", "b ", "a", "A", "\ta\n", "c", "b"], tmp_path, dedupe=True)
    assert found == ["b", "a", "A", "c"]
    assert (summary.num_duplicates, summary.num_left_out) == (4, 0)


def test_many_repeats_are_found_as_a_dictionary_finds_them(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(0, 9_000, 3 * BATCH_ROWS)
    prompts = [f"prompt {number}" for number in numbers]
    found, summary = choose(prompts, tmp_path, dedupe=True)
    assert found == list(dict.fromkeys(prompts))
    assert summary.num_duplicates == len(prompts) - len(found)


def test_digests_that_agree_in_one_half_are_not_equal() -> None:
    digests = np.zeros((6, 16), np.uint8)
    digests[1, 15] = digests[2, 7] = digests[4, 15] = 1
    assert first_rows(digests).tolist() == [0, 1, 2]
    assert first_rows(np.zeros((0, 16), np.uint8)).tolist() == []


def test_the_order_is_that_of_the_seed_and_of_nothing_else(tmp_path: Path) -> None:
    prompts = [f"p{i}" for i in range(50)]
    first, one = choose(prompts, tmp_path, shuffle=True, seed=1)
    again, other = choose(prompts, tmp_path, shuffle=True, seed=1)
    assert first == again and one.sha256 == other.sha256
    assert sorted(first) == sorted(prompts) and first != prompts
    assert choose(prompts, tmp_path, shuffle=True, seed=2)[0] != first
    keys = generator_for(1, 0, Stream.PROMPT_ORDER).bit_generator.random_raw(50).tolist()
    assert first == [prompts[row] for row in sorted(range(50), key=keys.__getitem__)]


def test_the_order_never_changes() -> None:
    # Sets that are extended with --prompts given again must find the same order.
    assert shuffled(np.arange(8), 0).tolist() == [2, 4, 6, 1, 5, 3, 7, 0]


def test_the_limit_comes_last(tmp_path: Path) -> None:
    prompts = ["a", "a", "b", "", "c", "d"]
    assert choose(prompts, tmp_path, limit=2)[0] == ["a", "a"]
    found, summary = choose(prompts, tmp_path, limit=2, dedupe=True)
    assert found == ["a", "b"]
    assert (summary.num_duplicates, summary.num_left_out, summary.num_blank) == (1, 2, 1)
    every = choose(prompts, tmp_path, dedupe=True, shuffle=True)[0]
    assert choose(prompts, tmp_path, dedupe=True, shuffle=True, limit=3)[0] == every[:3]
    assert choose(prompts, tmp_path, limit=99)[0] == ["a", "a", "b", "c", "d"]


def test_a_limit_alone_reads_no_more_than_a_batch_beyond_it(tmp_path: Path) -> None:
    def endless():
        while True:
            yield "again"

    summary = collect_prompts(endless(), tmp_path / "p.arrow", choice=Choice(limit=BATCH_ROWS + 5))
    assert summary.num_accepted == BATCH_ROWS + 5
    assert (summary.num_left_out, summary.num_read) == (BATCH_ROWS - 5, 2 * BATCH_ROWS)


@pytest.mark.parametrize("options", [{}, {"shuffle": True}])
def test_a_batch_is_full_by_bytes_too(tmp_path, monkeypatch, options) -> None:
    monkeypatch.setattr(prompt_choice, "BATCH_BYTES", 2**16)
    monkeypatch.setattr("pairgen.sources.prompts.BATCH_BYTES", 2**16)
    prompts = [f"{i} " + "x" * 2**14 for i in range(20)]
    found, _ = choose(prompts, tmp_path, **options)
    assert sorted(found) == sorted(prompts)
    chunks = open_prompts(tmp_path / "prompts.arrow").chunks
    assert len(chunks) == 5 and max(map(len, chunks)) == 4


def test_a_batch_of_refused_prompts_is_not_the_end(tmp_path: Path) -> None:
    def refuse(prompts):
        return ["long" if len(prompt) > 1 else None for prompt in prompts]

    prompts = ["too long"] * (2 * BATCH_ROWS) + ["a"]
    summary = collect_prompts(iter(prompts), tmp_path / "p.arrow", refuse)
    assert (summary.num_accepted, summary.num_rejected) == (1, 2 * BATCH_ROWS)
