"""Refuse training data, unless they are meant."""

from pairgen.errors import ConfigError


def check_unseen(problem: str, demand: str, allowed: bool) -> list[str]:
    """Return the note on training data; none if there is no problem.

    Args:
        problem: What the data share with the training data; empty for nothing.
        demand: What to evaluate on instead.
        allowed: Whether training data may be used.

    Raises:
        ConfigError: There is a problem, and training data is not allowed.
    """
    if problem and not allowed:
        raise ConfigError(f"{problem}: {demand}, or pass --allow-training-data.")
    return [f"{problem}."] if problem else []
