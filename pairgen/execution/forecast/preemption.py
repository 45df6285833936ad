"""What it costs that workers are lost, as on machines that may be taken away at any time."""

import math


def loss_rate(chance_per_hour: float) -> float:
    """Return the losses a second of a worker that is lost within an hour with this chance.

    Args:
        chance_per_hour: In [0, 1).
    """
    return -math.log1p(-chance_per_hour) / 3600


def seconds_with_losses(seconds: float, restart_seconds: float, rate: float) -> float:
    """Return how long a shard is expected to take when its worker can be lost.

    Losses come at random with a constant rate r, also while a worker starts. A loss throws away the
    shard in work, and nothing else: another worker starts, which takes R, and makes it from its
    beginning, which takes s. The expected time until it is done is

        E = exp(r R) (exp(r s) - 1) / r

    which for rare losses is s + r s (s / 2 + R): half a shard is done again for each loss, and one
    start is added. The time until a machine for the other worker is found is not in it.

    Args:
        seconds: s, of a shard without a loss.
        restart_seconds: R, to load the teacher and warm up.
        rate: r, losses a second; 0 for none.

    Returns:
        E; infinity where no float holds it.

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
