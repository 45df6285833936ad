"""What lost workers cost, against a simulation of them and against what must hold."""

import math

import numpy as np
import pytest

from pairgen.execution.forecast.preemption import loss_rate, seconds_with_losses


def simulated(seconds: float, restart: float, rate: float, num_shards: int) -> np.ndarray:
    """Return how long each of many shards takes when workers are lost at random."""
    generator = np.random.Generator(np.random.Philox(key=7))
    taken = np.zeros(num_shards)
    # The first worker is there already; each one after it starts first.
    needed = np.full(num_shards, seconds)
    at_work = np.arange(num_shards)
    while len(at_work):
        until_loss = generator.exponential(1 / rate, len(at_work))
        taken[at_work] += np.minimum(until_loss, needed[at_work])
        at_work = at_work[until_loss < needed[at_work]]
        needed[at_work] = restart + seconds
    return taken


@pytest.mark.parametrize(
    ("seconds", "restart", "chance"),
    [(600.0, 300.0, 0.05), (3600.0, 300.0, 0.05), (3600.0, 600.0, 0.5), (7200.0, 1200.0, 0.9)],
)
def test_the_expected_time_is_that_of_a_simulation(seconds, restart, chance):
    rate = loss_rate(chance)
    taken = simulated(seconds, restart, rate, 200_000)
    standard_error = taken.std() / math.sqrt(len(taken))
    expected = seconds_with_losses(seconds, restart, rate)
    assert abs(taken.mean() - expected) < 4 * standard_error
    # Precise enough to tell the formula from one without the start of the next worker.
    assert expected - seconds_with_losses(seconds, 0.0, rate) > 8 * standard_error


def test_the_rate_is_that_of_the_chance_within_an_hour():
    for chance in (0.0, 0.05, 0.999):
        assert 1 - math.exp(-3600 * loss_rate(chance)) == pytest.approx(chance)


def test_rare_losses_cost_half_a_shard_and_a_start_each():
    rate = loss_rate(1e-5)
    added = seconds_with_losses(1000.0, 200.0, rate) - 1000.0
    assert added == pytest.approx(rate * 1000.0 * (500.0 + 200.0), rel=1e-3)


def test_no_losses_cost_nothing_and_too_many_are_infinite():
    assert seconds_with_losses(1000.0, 200.0, loss_rate(0.0)) == 1000.0
    assert seconds_with_losses(1e7, 200.0, loss_rate(0.999)) == math.inf
