"""`codi` from stored moments: steps a second of CoDi, and of PE-CoDi beside a frozen network.

All weights of what learns are trained. The condition is LR at 1/4, whose enlarging is part of a
step.
"""

from collections.abc import Iterator

import network_sizes
from memory import CODI

from gpu_checks.image_runs import make_pairs, speed_row, store_moments, train
from gpu_checks.peaks import timed
from gpu_checks.setting import Row, Setting, verdict


def check(setting: Setting) -> Iterator[Row]:
    """Store moments, and train both from them."""
    data, steps = make_pairs(setting), 3 if setting.small else 8
    yield store_moments(setting, data, ("hr",))
    speeds: dict[str, float] = {}
    num_read: dict[str, int] = {}
    for name, trains in CODI.items():

        def run(name: str = name, trains: str = trains) -> None:
            given = {"data": data, "steps": steps, "prompts": "fixed", "trains": trains}
            num_read[name] = train(setting, "codi", name, **given)

        seconds, peak = timed(run)
        sizes = network_sizes.codi("SD1.5", trains)
        speeds[name], row = speed_row(setting, name, seconds, peak, sizes)
        yield row
    codi, pe_codi = speeds.values()
    yield Row("PE-CoDi beside CoDi", pe_codi / codi, "x")
    passed = set(num_read.values()) == {2}
    yield verdict("the moments were read", passed, f"sets that were read: {num_read}")
