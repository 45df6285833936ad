"""Progress with a clock of our own."""

import io

import pytest

from pairgen.execution.progress import Progress, format_seconds
from pairgen.receipts import Receipt
from pairgen.types import ShardTask


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def task(shard_index: int) -> ShardTask:
    start = 100 * shard_index
    return ShardTask(shard_index=shard_index, start=start, stop=start + 100, fingerprint="f")


def receipt(shard_index: int) -> Receipt:
    return Receipt(
        shard_index=shard_index,
        start=100 * shard_index,
        stop=100 * shard_index + 100,
        count=100,
        num_bytes=1,
        sha256="s",
        index_sha256="i",
        fingerprint="f",
    )


def test_rate_counts_only_this_run_and_the_eta_follows_from_it() -> None:
    clock, stream = Clock(), io.StringIO()
    progress = Progress(1000, 200, stream=stream, clock=clock)
    progress.started("worker 0", task(2))
    clock.now = 10.0
    progress.advanced("worker 0", 50)
    assert progress.num_done == 250
    assert progress.mean_rate == pytest.approx(5.0)
    assert "250 of 1,000 samples (25.0 %)" in progress.line()
    assert "ETA 2 min" in progress.line()  # 750 pairs at 5/s


def test_the_rate_now_forgets_what_is_older_than_half_a_minute() -> None:
    clock = Clock()
    progress = Progress(10_000, 0, stream=io.StringIO(), clock=clock)
    for shard_index in range(10):
        progress.started("worker 0", task(shard_index))
        clock.now += 10.0 if shard_index < 5 else 100.0
        progress.finished("worker 0", receipt(shard_index))
    assert progress.rate == pytest.approx(1.0)
    assert progress.mean_rate == pytest.approx(1000 / 550)


def test_without_a_terminal_there_is_one_line_a_minute() -> None:
    clock, stream = Clock(), io.StringIO()
    progress = Progress(1000, 0, stream=stream, clock=clock)
    progress.started("worker 0", task(0))
    for second in range(1, 181):
        clock.now = float(second)
        progress.advanced("worker 0", second % 100)
    assert len(stream.getvalue().splitlines()) == 3


def test_a_terminal_shows_a_line_for_each_worker_and_redraws_in_place() -> None:
    clock, stream = Clock(), Terminal()
    progress = Progress(1000, 0, stream=stream, clock=clock)
    progress.started("worker 0", task(0))
    clock.now = 1.0
    progress.started("worker 1", task(1))
    assert "worker 1: shard 00001, 0 of 100" in stream.getvalue()
    clock.now = 2.0
    progress.advanced("worker 1", 7)
    assert "\x1b[3F\x1b[J" in stream.getvalue()
    assert "worker 1: shard 00001, 7 of 100" in stream.getvalue()


def test_many_workers_are_summed_up() -> None:
    progress = Progress(10_000, 0, stream=io.StringIO(), clock=Clock())
    for number in range(20):
        progress.started(f"worker {number:02d}", task(number))
    assert progress.worker_lines()[-1] == "  and 12 more workers"


def test_a_lost_worker_is_named_with_its_shard_and_its_slots_do_not_count() -> None:
    stream = io.StringIO()
    progress = Progress(1000, 0, stream=stream, clock=Clock())
    progress.started("worker 0", task(3))
    progress.advanced("worker 0", 60)
    progress.lost("worker 0", "its node died")
    assert "worker 0 was lost while making shard 00003: its node died" in stream.getvalue()
    assert progress.num_done == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(42, "42 s"), (420, "7 min"), (12_000, "3 h 20 min"), (188_000, "2 d 4 h")],
)
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
