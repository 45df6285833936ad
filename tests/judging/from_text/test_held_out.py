"""Held-out pairs: read in order and whole, and told apart from what was trained on."""

from dataclasses import replace

import numpy as np
import pytest

from pairgen.errors import ConfigError, CorruptShardError
from pairgen.judging.from_text.held_out import read_held_out
from pairgen.judging.from_text.seen import seen_notes
from pairgen.judging.judged import Judged
from pairgen.model_config import find_model
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.runs.record import (
    RECORD_FILE,
    TrainRecord,
    evaluations_per_sample,
    read_record,
    record_set,
    write_record,
)
from tests.small_sets import flip_byte, make_plan, make_sample, write_set


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("held") / "set"
    write_set(folder, make_plan(guidance_scales=(3.0, 8.0)))
    return str(folder)


def test_pairs_come_in_order_with_noise_prompt_guidance_and_end_point(url):
    pairs = read_held_out(url, "", 10)
    assert (len(pairs), pairs.num_available) == (10, 24)
    assert pairs.keys == tuple(f"{i:09d}" for i in range(10))
    for row in range(10):
        sample = make_sample(pairs.plan, row)
        assert np.array_equal(pairs.noises[row], sample.fields["noise.npy"].astype(np.float32))
        assert np.array_equal(pairs.latents[row], sample.fields["latent.npy"].astype(np.float32))
        assert pairs.prompts[row] == sample.fields["txt"]
        assert pairs.guidance_scales[row] == sample.facts["guidance_scale"]
    assert len(read_held_out(url, "", 0)) == 24


def test_a_condition_chooses_pairs(url):
    pairs = read_held_out(url, "guidance_scale == 8 and pair_index > 2", 0)
    assert pairs.keys == tuple(f"{2 * pair + 1:09d}" for pair in range(3, 12))
    assert set(pairs.guidance_scales) == {8.0}


def test_noise_that_was_left_out_is_drawn_again(url, tmp_path):
    write_set(tmp_path / "seeds", make_plan(guidance_scales=(3.0, 8.0), noise="seed"))
    stored, drawn = read_held_out(url, "", 5), read_held_out(str(tmp_path / "seeds"), "", 5)
    assert np.array_equal(stored.noises, drawn.noises)


def test_more_than_there_are_and_altered_shards_are_refused(tmp_path, url):
    with pytest.raises(ConfigError, match=r"at most the 24 samples .* got 25"):
        read_held_out(url, "", 25)
    write_set(tmp_path / "bad")
    flip_byte(tmp_path / "bad/train/00001.tar", 700)
    assert len(read_held_out(str(tmp_path / "bad"), "", 8)) == 8
    with pytest.raises(CorruptShardError, match=r"00001\.tar .* does not match its receipt"):
        read_held_out(str(tmp_path / "bad"), "", 9)


def record_of(url: str) -> TrainRecord:
    return TrainRecord(
        method="regression",
        steps=5,
        batch_size=2,
        num_processes=1,
        seconds=3.0,
        device="cpu x86_64",
        sets=(record_set(url),),
    )


def test_a_record_counts_what_the_data_cost_and_survives_the_disk(url, tmp_path):
    record = record_of(url)
    # 24 samples of 4 ddim steps, guided; three shards of 1.5 s.
    assert (record.sets[0].evaluations, record.sets[0].seconds) == (24 * 4 * 2, 4.5)
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    assert read_record(tmp_path / "elsewhere") is None
    (tmp_path / RECORD_FILE).write_text('{"sets": 3}')
    with pytest.raises(ConfigError, match="not the record of a training"):
        read_record(tmp_path)


def test_evaluations_of_a_sample_follow_from_the_plan():
    assert evaluations_per_sample(make_plan()) == 8
    assert evaluations_per_sample(make_plan(guidance_scales=(1.0,))) == 4
    clean = make_plan(recipe={"end": "clean", "solver": "heun"})
    clean = replace(clean, resolved={"times": [999.0, 749.0, 499.0, 249.0]})
    assert evaluations_per_sample(clean) == 7 * 2


def judged_by(record: TrainRecord | None, is_run: bool = True) -> Judged:
    return Judged("run", find_model("gaussian"), record, is_run)


def test_training_data_is_refused_by_fingerprint_and_by_noise_and_prompt(url):
    plan, record = read_plan(open_store(url)), record_of(url)

    def judge_by(plan, record=record, is_run=True, allowed=False):
        return seen_notes(judged_by(record, is_run), plan, "held", allowed)

    with pytest.raises(ConfigError, match=r"run was trained on held .*--allow-training-data"):
        judge_by(plan)
    with pytest.raises(ConfigError, match="has the noises and prompts of held"):
        judge_by(replace(plan, recipe={**plan.recipe, "steps": 9}))
    with pytest.raises(ConfigError, match=r"no record\.json"):
        judge_by(plan, record=None)
    assert "was trained on held" in judge_by(plan, allowed=True)[0]
    assert judge_by(plan, record=None, is_run=False) == []


def test_sets_that_share_only_noises_or_only_prompts_are_told(url):
    plan, record = read_plan(open_store(url)), record_of(url)
    other_noises = replace(plan, seed=6)
    other_prompts = replace(plan, source={**plan.source, "sha256": "other"})
    for kin, word in ((other_noises, "prompts"), (other_prompts, "noises")):
        (note,) = seen_notes(judged_by(record), kin, "held", False)
        assert f"held has the same {word} as" in note
    stranger = replace(other_noises, source=other_prompts.source)
    assert seen_notes(judged_by(record), stranger, "held", False) == []
