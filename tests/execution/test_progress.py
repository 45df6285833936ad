"""Progress with a clock of our own."""

import io
import logging

import pytest
from tqdm import tqdm

from pairgen.execution.progress import Progress, format_seconds
from pairgen.progress_style import Style, progress_shown
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


def test_a_terminal_shows_a_bar_and_a_line_for_each_worker_in_place() -> None:
    clock, stream = Clock(), Terminal()
    # A bar of another library may have started tqdm's monitor in this process: ours starts none.
    monitor = tqdm.monitor
    progress = Progress(1000, 0, stream=stream, clock=clock)
    progress.started("worker 0", task(0))
    clock.now = 1.0
    progress.started("worker 1", task(1))
    assert "0 of 1,000 samples (0.0 %)" in stream.getvalue()
    assert "worker 1: shard 00001, 0 of 100" in stream.getvalue()
    clock.now = 2.0
    progress.advanced("worker 1", 50)
    last = stream.getvalue()
    # In the same place: back to the start of the line, and up again from those of the workers.
    assert last.count("\x1b[A") > 0 and "\r" in last
    assert "#" in last and "50 of 1,000 samples (5.0 %)" in last
    assert "worker 1: shard 00001, 50 of 100" in last
    progress.close()
    assert stream.getvalue().endswith("\r")
    assert tqdm.monitor is monitor


def test_what_changes_its_unit_begins_a_new_bar() -> None:
    clock, stream = Clock(), Terminal()
    progress = Progress(0, 0, unit="receipts read", stream=stream, clock=clock)
    clock.now = 1.0
    progress.reached(7)
    assert "7 receipts read" in stream.getvalue()
    progress.turn_to(10, "shards checked")
    clock.now = 2.0
    progress.reached(5)
    assert "5 of 10 shards checked (50.0 %)" in stream.getvalue()
    progress.close()


@pytest.mark.parametrize("style", ["none", "events"])
def test_a_call_chooses_no_progress_or_events(style: Style, caplog) -> None:
    clock, stream = Clock(), io.StringIO()
    with progress_shown(style), caplog.at_level(logging.INFO, logger="pairgen"):
        progress = Progress(1000, 0, stream=stream, clock=clock)
        progress.started("worker 0", task(0))
        for second in range(1, 31):
            clock.now = float(second)
            progress.advanced("worker 0", second)
        progress.finished("worker 0", receipt(0))
        progress.close()
    assert stream.getvalue() == ""
    events = [vars(record).get("fields", {}).get("done") for record in caplog.records]
    assert events == ([] if style == "none" else [10, 20, 30, 100])


def test_each_shard_is_a_detail_for_the_log(caplog) -> None:
    progress = Progress(1000, 0, stream=io.StringIO(), clock=Clock())
    progress.started("worker 0", task(3))
    with caplog.at_level(logging.DEBUG, logger="pairgen"):
        progress.finished("worker 0", receipt(3))
    (record,) = caplog.records
    assert record.getMessage() == "shard 00003: 100 samples by worker 0"
    assert vars(record)["fields"]["shard"] == 3


def test_many_workers_are_summed_up() -> None:
    progress = Progress(10_000, 0, stream=io.StringIO(), clock=Clock())
    for number in range(20):
        progress.started(f"worker {number:02d}", task(number))
    assert progress.worker_lines()[-1] == "  and 12 more workers"


def test_a_lost_worker_is_named_with_its_shard_and_its_slots_do_not_count(caplog) -> None:
    progress = Progress(1000, 0, stream=io.StringIO(), clock=Clock())
    progress.started("worker 0", task(3))
    progress.advanced("worker 0", 60)
    progress.lost("worker 0", "its node died")
    assert "worker 0 was lost while making shard 00003: its node died" in caplog.text
    assert progress.num_done == 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(42, "42 s"), (420, "7 min"), (12_000, "3 h 20 min"), (188_000, "2 d 4 h")],
)
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_one_item_is_told_as_one() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = Progress(0, 0, unit="images scanned", stream=stream, clock=clock)
    progress.reached(1)
    assert progress.line().startswith("1 image scanned, ")
    progress.turn_to(1, "shards checked")
    assert progress.line().startswith("0 of 1 shard checked (")
    progress.turn_to(2, "shards checked")
    assert progress.line().startswith("0 of 2 shards checked (")
