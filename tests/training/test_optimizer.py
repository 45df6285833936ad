"""Optimizers: 8-bit moments that a checkpoint holds, moments of which each rank keeps a part."""

import json
import sys
import time

import pytest
import torch
from torch import nn

from pairgen.errors import ConfigError
from pairgen.training.loop.checkpoint import find_checkpoints
from pairgen.training.loop.optimizer import gather_state, make_optimizer, place_state
from pairgen.training.player_options import PlayerConfig
from tests.training.test_ranks import arguments, run, start, steps_logged
from tests.training.test_train import assert_equal, metrics, tensors

TWO_PLAYERS = "tests.training.two_players"


def test_on_one_rank_a_sharded_optimizer_is_the_plain_one(pairs, train):
    plain = train(pairs, "plain", steps=3).folder
    sharded = train(pairs, "sharded", steps=3, optimizer="sharded").folder
    assert_equal(tensors(sharded), tensors(plain))


def test_a_run_keeps_the_optimizer_it_began_with(pairs, train):
    train(pairs, steps=1, optimizer="sharded")
    with pytest.raises(ConfigError, match=r"optimizer .was sharded, got adamw"):
        train(pairs, steps=2, optimizer="adamw", resume=True)
    with pytest.raises(ConfigError, match=r"optimizer must be one of adamw, adamw8bit, sharded"):
        train(pairs, "other", optimizer="adam")


def test_without_bitsandbytes_one_sentence_says_what_to_install(pairs, train, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(ConfigError, match=r"needs bitsandbytes: pip install 'pairgen\[8bit\]'"):
        train(pairs, method=TWO_PLAYERS, **{"critic.optimizer": "adamw8bit"})
    assert not (train.folder / "config.yaml").exists()


def test_8_bit_moments_are_continued_bit_for_bit(pairs, train):
    pytest.importorskip("bitsandbytes")
    options = {"method": TWO_PLAYERS, "optimizer": "adamw8bit", "ema_decay": 0.9}
    whole = train(pairs, "whole", steps=7, **options).folder
    for steps in (2, 5, 7):
        parts = train(pairs, "parts", steps=steps, resume=True, **options).folder
    found = tensors(whole)
    assert {each.dtype for name, each in found.items() if name.endswith("/state1")} == {
        torch.uint8,
        torch.float32,
    }
    assert_equal(tensors(parts), found)
    losses = [[line.get("student/loss") for line in metrics(each)] for each in (whole, parts)]
    assert losses[0] == losses[1]


def test_8_bit_moments_step_nearly_as_those_of_32(one_thread):
    pytest.importorskip("bitsandbytes")
    target = torch.randn(64, 128, generator=torch.Generator().manual_seed(0))
    left = {}
    for name in ("adamw", "adamw8bit"):
        weights = {"w": nn.Parameter(torch.zeros(64, 128))}
        config = PlayerConfig(optimizer=name, lr=0.05, weight_decay=0.0)
        optimizer = make_optimizer(config, weights)
        for _ in range(40):
            optimizer.zero_grad()
            (weights["w"] - target).square().mean().backward()
            optimizer.step()
        left[name] = float((weights["w"].detach() - target).square().mean())
    assert left["adamw8bit"] == pytest.approx(left["adamw"], rel=0.05)
    assert left["adamw8bit"] < 0.3


def test_a_state_comes_back_as_it_was(one_thread):
    weights = {"a": nn.Parameter(torch.ones(3, 2)), "never": nn.Parameter(torch.ones(2))}
    first = make_optimizer(PlayerConfig(), weights)
    weights["a"].sum().backward()
    first.step()
    state = gather_state(first, weights)
    assert sorted(state) == ["a/exp_avg", "a/exp_avg_sq", "a/step"]
    second = make_optimizer(PlayerConfig(), weights)
    place_state(second, weights, state)
    assert_equal(gather_state(second, weights), state)
    assert weights["never"] not in second.state


def test_a_rank_keeps_the_moments_of_its_part_alone(tmp_path):
    code = "from tests.training import moments_of_ranks\nmoments_of_ranks.main()"
    started = start(["moments_of_ranks", str(tmp_path)], tmp_path / "log", ranks=2, code=code)
    ended = [each.wait(timeout=120) for each in started]
    assert ended == [0, 0], (tmp_path / "log").read_text()
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first["kept"] + second["kept"] == first["all"]
    assert first["placed"] + second["placed"] == first["all"]
    assert first["kept"] == second["kept"]
    assert (first["gathered"], second["gathered"]) == (first["all"], 0)
    assert first["weights"] == second["weights"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_ranks_that_share_their_moments_train_to_the_same_bits(pairs, tmp_path):
    """As two that do not; also when killed on the way, and when one goes on alone."""
    options = {"method": TWO_PLAYERS, "steps": 14, "data_parts": 2, "ema_decay": 0.9}
    options["checkpoint_every"] = 1
    plain, sharded = tmp_path / "plain", tmp_path / "sharded"
    run(pairs, plain, ranks=2, **options)
    line = ["pairgen", *arguments(pairs, sharded, **options, optimizer="sharded")]
    ranks = start(line, tmp_path / "log", ranks=2)
    while ranks[0].poll() is None and len(steps_logged(sharded)) < 3:
        time.sleep(0.02)
    for rank in ranks:
        assert rank.poll() is None, (tmp_path / "log").read_text()
    for rank in ranks:
        rank.kill()
        rank.wait()
    killed_at = find_checkpoints(sharded / "checkpoints")[-1].name
    assert "00000001" <= killed_at < "00000014"
    run(pairs, sharded, ranks=2, **options, optimizer="sharded", resume=True)
    assert_equal(tensors(sharded), tensors(plain))
    more = {**options, "steps": 16, "resume": True}
    run(pairs, sharded, **more, optimizer="sharded")
    run(pairs, plain, **more)
    assert_equal(tensors(sharded), tensors(plain))
