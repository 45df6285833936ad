"""A stage of `yonos` with a teacher: steps a second from stored moments, and by encoding pictures.

All weights are trained. The teacher is a stage x2 of one step. Without moments the VAE encodes HR
and the enlarged LR of student and teacher in every step.
"""

from collections.abc import Iterator

import network_sizes

from gpu_checks.image_runs import SCALE, make_pairs, speed_row, store_moments, train
from gpu_checks.peaks import timed
from gpu_checks.setting import Row, Setting, verdict

LEVELS = ("hr", "lr2", "lr4")


def check(setting: Setting) -> Iterator[Row]:
    """Train by encoding, then store moments and train from them."""
    data = make_pairs(setting, nested=True)
    train(setting, "yonos", "x2", data=data, steps=1, scale=SCALE // 2)
    given = {"teacher": str(setting.folder / "x2"), "scale": SCALE, "data": data}
    num_read: dict[str, int] = {}

    def stage(name: str) -> tuple[float, Row]:
        def run() -> None:
            steps = 3 if setting.small else 12
            num_read[name] = train(setting, "yonos", name, steps=steps, **given)

        seconds, peak = timed(run)
        return speed_row(setting, name, seconds, peak, network_sizes.yonos("SD1.5", 0))

    online, row = stage("online encoding")
    yield row
    yield store_moments(setting, data, LEVELS)
    cached, row = stage("cached moments")
    yield row
    yield Row("cached beside online", cached / online, "x")
    passed = num_read == {"online encoding": 1, "cached moments": 2}
    yield verdict("the moments were read", passed, f"sets that were read: {num_read}")
