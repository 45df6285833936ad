"""The table of what fits which card: its numbers add up, and its page shows what is printed."""

import sys
from pathlib import Path

import memory
import pytest
import torch
from torch import nn

from pairgen.training.loop.optimizer import make_optimizer
from pairgen.training.player_options import PlayerConfig

PAGE = Path(__file__).parents[2] / "docs/memory.md"


@pytest.mark.parametrize("name", ["adamw", "adamw8bit"])
def test_moments_take_the_bytes_that_are_computed(name):
    if name == "adamw8bit":
        pytest.importorskip("bitsandbytes")
    sizes = (64 * 64, 4095, 5000, 3)
    weights = {str(size): nn.Parameter(torch.ones(size)) for size in sizes}
    optimizer = make_optimizer(PlayerConfig(optimizer=name), weights)
    sum(each.sum() for each in weights.values()).backward()
    optimizer.step()
    taken = sum(
        value.nbytes
        for state in optimizer.state.values()
        for quantity, value in state.items()
        # Counts, and one table of codes for all tensors.
        if quantity != "step" and not quantity.startswith("qmap")
    )
    assert taken == memory.moments(name, sizes, ranks=1)


def test_a_sharded_optimizer_takes_the_bytes_of_the_fullest_rank():
    assert memory.sharded_bytes([5, 4, 3, 3], ranks=2) == 8 * 8
    assert memory.sharded_bytes([100, 1], ranks=8) == 8 * 100
    assert memory.sharded_bytes([7, 7], ranks=1) == memory.adamw_bytes([14])


def test_a_training_is_the_sum_of_its_parts():
    network = memory.Network(frozen=10, trained=(6, 4))
    weights, gradients, states, average = 80, 40, 80, 40
    assert (network.weights, network.gradients, network.average) == (weights, gradients, average)
    alone = memory.training_bytes(network, 1, "adamw", 8, beside=1000)
    assert alone == 1000 + weights + gradients + states + average
    both = memory.training_bytes(network, 2, "adamw", 8, beside=1000)
    assert both == alone + weights + gradients + states
    assert (memory.left(24, 23_000_000_000), memory.left(24, 25_000_000_000)) == ("1.0", "-")


@pytest.mark.slow
def test_the_page_shows_what_is_printed(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["memory.py"])
    memory.main()
    assert capsys.readouterr().out in PAGE.read_text(encoding="utf-8")
