"""The cost of losing workers, as on preemptible (spot) machines."""

import math


def loss_rate(chance_per_hour: float) -> float:
    """Return the losses per second of a worker that has this chance to be lost within an hour.

    Args:
        chance_per_hour: Probability in [0, 1).
    """
    return -math.log1p(-chance_per_hour) / 3600


def seconds_with_losses(seconds: float, restart_seconds: float, rate: float) -> float:
    """Return how long a shard is expected to take if its worker can be lost.

    Losses come at random with a constant rate r, also while a worker starts. A loss discards the
    shard in progress, and nothing else: another worker starts, which takes R, and makes the shard
    from the beginning, which takes s. The expected time until it is done is

        E = exp(r R) (exp(r s) - 1) / r

    which for rare losses is s + r s (s / 2 + R): each loss repeats half a shard and adds one start.
    It excludes the wait for a replacement machine.

    Args:
        seconds: s, the time of a shard without a loss.
        restart_seconds: R, the time to load the teacher and warm up.
        rate: r, losses per second; 0 for none.

    Returns:
        E; infinity if no float holds it.

    Reference:
        Daly 2006, A higher order estimate of the optimum checkpoint interval, equation (13), for a
        checkpoint that costs nothing.
    """
    if rate == 0:
        return seconds
    try:
        return math.exp(rate * restart_seconds) * math.expm1(rate * seconds) / rate
    except OverflowError:
        return math.inf
