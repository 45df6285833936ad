"""Check what a method says of its players: whose weights are whose, and who plays when."""

from collections.abc import Mapping, Sequence

from pairgen.config import quoted
from pairgen.errors import PairgenError
from pairgen.methods.base import STUDENT
from pairgen.training.loop.player import Player


def check_disjoint(players: Mapping[str, Player]) -> None:
    """Check that each weight is trained by one player, and that none froze another's.

    Raises:
        PairgenError: Two players hold the same weights.
    """
    owners: dict[int, str] = {}
    for name, player in players.items():
        for path, each in player.parameters.items():
            other = owners.setdefault(id(each), name)
            if other != name or not each.requires_grad:
                raise PairgenError(
                    f"{path} of the player {name!r} belongs to another player too: players that "
                    "share weights need a wrapper each, from `beside()`, and adapters."
                )


def check_rounds(rounds: Sequence[Sequence[str]], players: Mapping[str, Player], step: int) -> None:
    """Check the rounds of a step.

    Raises:
        PairgenError: One names no player or a player twice, or the student does not play in
            exactly one.
    """
    names = [name for names in rounds for name in names]
    twice = any(len(set(each)) < len(each) for each in rounds)
    alone = STUDENT not in players or names.count(STUDENT) == 1
    if twice or not alone or not set(names) <= players.keys():
        raise PairgenError(
            f"The rounds of step {step} must name players ({', '.join(players)}), each once in a "
            f"round, and the student in one round, got {quoted(rounds)}."
        )
