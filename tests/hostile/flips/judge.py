"""What a command made of a damaged file: found, refused, unnoticed, or a fault."""

import re
from dataclasses import dataclass

from tests.hostile.flips.child import Outcome

MAX_SECONDS = 30
MAX_BYTES = 400 * 2**20
# Longest sentence: paths of temporary folders are in it.
MAX_SENTENCE = 1200
FOUND, REFUSED, UNNOTICED = "found", "refused", "unnoticed"


@dataclass(frozen=True)
class Undamaged:
    """What a command takes on undamaged files."""

    code: int
    seconds: float
    num_bytes: int


def judged(outcome: Outcome, before: Undamaged, is_verify: bool) -> str:
    """Return one of `found`, `refused`, `unnoticed`, or what is wrong."""
    if outcome.code is None:
        return f"FAULT: it did not end in {outcome.seconds:.0f} s"
    if outcome.code < 0:
        return f"FAULT: signal {-outcome.code}"
    if "Traceback (most recent call last)" in outcome.text:
        last = outcome.text.strip().splitlines()[-1]
        return f"FAULT: a traceback, {last[:200]}"
    if outcome.seconds > before.seconds + MAX_SECONDS:
        return f"FAULT: {outcome.seconds:.0f} s, {before.seconds:.0f} s on undamaged files"
    if outcome.num_bytes > before.num_bytes + MAX_BYTES:
        return f"FAULT: {(outcome.num_bytes - before.num_bytes) / 2**20:,.0f} MB more"
    if outcome.code == 0:
        return UNNOTICED
    if is_verify and outcome.code == 1 and "Not clean" in outcome.text:
        return FOUND
    sentences = re.findall(r"^Error: (.*)$", outcome.text, re.MULTILINE)
    if outcome.code in (1, 2) and len(sentences) == 1 and len(sentences[0]) <= MAX_SENTENCE:
        return REFUSED
    # Samples of a shard that cannot be read are rejected inputs; a difference is what replay tells.
    if outcome.code in (1, 3) and not sentences:
        return REFUSED
    return f"FAULT: exit code {outcome.code}, {outcome.text.strip()[-200:]!r}"
