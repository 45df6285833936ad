"""Who runs what, with a clock of our own."""

import pytest

from pairgen.errors import PairgenError
from pairgen.execution.scheduling.measured import MAX_MEASURED, Measured
from pairgen.execution.scheduling.rules import Rules
from pairgen.execution.scheduling.scheduler import Scheduler
from pairgen.execution.scheduling.task_run import Run
from pairgen.types import ShardTask

RULES = Rules(
    second_run_floor=1.0,
    slow_floor=1.0,
    silence_floor=20.0,
    first_silence=100.0,
)


def tasks(num: int) -> list[ShardTask]:
    return [
        ShardTask(shard_index=i, start=10 * i, stop=10 * i + 10, fingerprint="f")
        for i in range(num)
    ]


def scheduler(num_tasks: int, num_workers: int) -> Scheduler:
    made = Scheduler(tasks(num_tasks), RULES)
    for worker in range(num_workers):
        made.joined(worker)
    return made


def who_has_what(runs: list[Run]) -> list[tuple[int, int, bool]]:
    return [(run.worker, run.task.shard_index, run.is_second) for run in runs]


def finish(made: Scheduler, run: Run, now: float) -> list[Run]:
    is_first, others = made.finished(run, now, is_measure=True)
    assert is_first
    return others


def overdue(made: Scheduler, now: float) -> list[Run]:
    return made.look(now)[0]


def test_tasks_go_in_order_to_workers_in_order() -> None:
    made = scheduler(5, 2)
    first, second = made.hand_out(0.0)
    assert who_has_what([first, second]) == [(0, 0, False), (1, 1, False)]
    assert made.hand_out(1.0) == []
    assert finish(made, second, 3.0) == []
    assert who_has_what(made.hand_out(3.0)) == [(1, 2, False)]
    assert (made.num_left, made.num_running) == (4, 2)


def test_a_straggler_runs_twice_once_nothing_is_pending_and_the_first_result_wins() -> None:
    made = scheduler(3, 2)
    slow, quick = made.hand_out(0.0)
    finish(made, quick, 10.0)
    (quick,) = made.hand_out(10.0)
    finish(made, quick, 20.0)
    # The median is 10 s, and 1.5 times that has passed.
    (again,) = made.hand_out(20.0)
    assert who_has_what([again]) == [(1, 0, True)]
    assert finish(made, again, 29.0) == [slow]
    assert made.num_left == 0 and slow.ended == 29.0
    # What the other has made as well is no second result.
    assert made.finished(slow, 30.0, is_measure=True) == (False, [])


def test_nothing_runs_twice_while_anything_is_pending_or_nothing_is_measured() -> None:
    made = scheduler(3, 2)
    _slow, quick = made.hand_out(0.0)
    assert made.hand_out(1000.0) == []
    finish(made, quick, 1000.0)
    assert who_has_what(made.hand_out(5000.0)) == [(1, 2, False)]
    unmeasured = scheduler(1, 2)
    unmeasured.hand_out(0.0)
    assert unmeasured.hand_out(90.0) == []


def test_a_task_runs_at_most_twice_at_once_and_again_twice_after_a_death() -> None:
    made = scheduler(2, 3)
    slow, quick = made.hand_out(0.0)
    finish(made, quick, 4.0)
    (again,) = made.hand_out(8.0)
    assert made.hand_out(100.0) == []
    assert not made.died(slow)
    assert who_has_what(made.hand_out(101.0)) == [(1, 0, True)]
    assert not made.died(again)


def test_the_oldest_straggler_comes_first() -> None:
    made = scheduler(4, 4)
    runs = made.hand_out(0.0)
    finish(made, runs[2], 4.0)
    finish(made, runs[0], 4.0)
    assert who_has_what(made.hand_out(7.0)) == [(2, 1, True), (0, 3, True)]


def test_the_task_of_a_dead_worker_comes_next_and_the_worker_gets_none_until_it_joins() -> None:
    made = scheduler(4, 2)
    first, _second = made.hand_out(0.0)
    assert made.died(first)
    assert made.hand_out(1.0) == []
    made.joined(0)
    assert who_has_what(made.hand_out(2.0)) == [(0, 0, False)]


def test_a_task_that_kills_workers_ends_the_run() -> None:
    made = scheduler(1, 1)
    for death in range(RULES.max_deaths):
        (run,) = made.hand_out(0.0)
        if death == RULES.max_deaths - 1:
            with pytest.raises(PairgenError, match="Shard 00000 killed 10 workers"):
                made.died(run)
        else:
            made.died(run)
            made.joined(0)


def test_an_unexpected_error_is_tried_again_behind_all_others_and_an_expected_one_not() -> None:
    made = scheduler(3, 1)
    (run,) = made.hand_out(0.0)
    made.failed(run, ValueError("odd"))
    order = []
    for _ in range(2):
        (run,) = made.hand_out(1.0)
        order.append(run.task.shard_index)
        finish(made, run, 1.0)
    assert order == [1, 2]
    (run,) = made.hand_out(2.0)
    with pytest.raises(ValueError, match="odd"):
        made.failed(run, ValueError("odd"))
    made = scheduler(1, 1)
    (run,) = made.hand_out(0.0)
    with pytest.raises(OSError, match="full"):
        made.failed(run, OSError("full"))


def test_an_error_of_a_run_that_another_has_won_is_none() -> None:
    made = scheduler(2, 2)
    slow, quick = made.hand_out(0.0)
    finish(made, quick, 4.0)
    (again,) = made.hand_out(10.0)
    finish(made, again, 12.0)
    made.failed(slow, OSError("full"))
    assert made.num_left == 0


def test_a_silent_worker_is_given_up_by_measured_times() -> None:
    made = scheduler(4, 2)
    stuck, quick = made.hand_out(0.0)
    # Before its first shard, a worker may take long.
    finish(made, quick, 10.0)
    (quick,) = made.hand_out(10.0)
    assert overdue(made, 100.0) == [quick]
    assert overdue(made, 100.5) == [stuck]
    made.joined(0)
    made.joined(1)
    # They come back as new: both shards are handed out before the last.
    assert [run.task.shard_index for run in made.hand_out(101.0)] == [0, 2]


def test_progress_keeps_a_slow_worker() -> None:
    made = scheduler(4, 1)
    (run,) = made.hand_out(0.0)
    finish(made, run, 2.0)
    (run,) = made.hand_out(2.0)
    for second in range(10, 100, 10):
        made.advanced(run, second // 10, float(second))
        assert overdue(made, float(second) + 9.0) == []
    # No more slots done is no progress.
    made.advanced(run, 9, 109.0)
    assert overdue(made, 111.0) == [run]


def test_a_result_that_comes_after_all_counts() -> None:
    made = scheduler(2, 1)
    (run,) = made.hand_out(0.0)
    assert overdue(made, 101.0) == [run]
    assert made.finished(run, 102.0, is_measure=True) == (True, [])
    made.joined(0)
    assert who_has_what(made.hand_out(103.0)) == [(0, 1, False)]
    assert made.measured.median is None


def test_a_loser_that_does_not_end_is_given_up_and_no_death_of_its_shard() -> None:
    made = scheduler(2, 2)
    slow, quick = made.hand_out(0.0)
    finish(made, quick, 4.0)
    (again,) = made.hand_out(10.0)
    finish(made, again, 12.0)
    assert overdue(made, 111.0) == []
    assert overdue(made, 113.0) == [slow]
    assert made.num_left == 0


def test_a_slow_worker_is_named_once() -> None:
    made = scheduler(3, 2)
    slow, quick = made.hand_out(0.0)
    assert made.look(50.0)[1] == []
    finish(made, quick, 4.0)
    assert made.look(12.0)[1] == []
    assert made.look(12.1)[1] == [slow]
    assert made.look(13.0)[1] == []


def test_with_little_time_left_only_what_is_expected_to_end_goes_on() -> None:
    made = scheduler(8, 3)
    done, _, _ = made.hand_out(0.0)
    finish(made, done, 10.0)
    (begun,) = made.hand_out(10.0)
    nearly, hardly = made.run_of(1), made.run_of(2)
    assert nearly and hardly
    made.advanced(nearly, 9, 17.0)
    made.advanced(hardly, 1, 17.0)
    # Left are 2 s for the last slot, 162 s for nine, and 2 s of the usual 10.
    assert made.hopeless(18.0, due=20.5) == [hardly]
    assert made.hopeless(18.0, due=20.5) == []
    assert made.hopeless(18.0, due=19.5) == [nearly, begun]
    made.dropped(hardly)
    assert (made.num_left, made.num_running) == (7, 2)


def test_a_worker_that_leaves_gets_no_task() -> None:
    made = scheduler(2, 1)
    (run,) = made.hand_out(0.0)
    finish(made, run, 1.0)
    made.leaves(0)
    assert made.hand_out(2.0) == []


def test_shards_that_stood_are_no_measure() -> None:
    made = scheduler(2, 1)
    (run,) = made.hand_out(0.0)
    made.finished(run, 0.0, is_measure=False)
    assert made.measured.median is None
    (run,) = made.hand_out(0.0)
    assert overdue(made, 99.0) == []
    assert overdue(made, 101.0) == [run]


def test_a_worker_takes_the_next_task_while_its_shard_goes_up() -> None:
    made = scheduler(3, 1)
    (first,) = made.hand_out(0.0)
    made.made(first, 10.0)
    (second,) = made.hand_out(10.0)
    assert who_has_what([second]) == [(0, 1, False)] and made.is_behind(first)
    assert (made.num_left, made.num_running) == (3, 2)
    # It tells nothing of the worker, which is busy.
    assert finish(made, first, 12.0) == [] and made.hand_out(12.0) == []
    assert made.measured.median == 12.0
    made.made(second, 20.0)
    (third,) = made.hand_out(20.0)
    finish(made, second, 22.0)
    made.made(third, 30.0)
    # Nothing is left to take: the upload is what the worker runs.
    assert made.hand_out(30.0) == [] and made.is_live(third)
    finish(made, third, 31.0)
    assert made.num_left == 0


def test_idle_workers_come_before_those_that_upload() -> None:
    made = scheduler(3, 2)
    first, second = made.hand_out(0.0)
    made.made(first, 5.0)
    finish(made, second, 5.0)
    assert who_has_what(made.hand_out(5.0)) == [(1, 2, False)]
    assert made.is_live(first)


def test_a_worker_that_dies_loses_its_upload_too() -> None:
    made = scheduler(3, 1)
    (first,) = made.hand_out(0.0)
    made.made(first, 5.0)
    (second,) = made.hand_out(5.0)
    assert made.died(second) and made.died(first)
    assert made.num_running == 0 and made.hand_out(6.0) == []
    made.joined(0)
    assert who_has_what(made.hand_out(7.0)) == [(0, 0, False)]


def test_a_worker_whose_task_is_dropped_turns_back_to_its_upload() -> None:
    """An actor that stands still then is given up, as with any other task."""
    made = scheduler(4, 2)
    first, other = made.hand_out(0.0)
    made.made(first, 5.0)
    (second,) = made.hand_out(5.0)
    made.dropped(second)
    assert made.is_live(first) and not made.is_behind(first)
    assert who_has_what(made.hand_out(6.0)) == [(0, 2, False)]
    finish(made, other, 9.0)
    assert made.is_behind(first)


def test_a_stuck_upload_takes_its_worker_once_nothing_else_is_left() -> None:
    made = scheduler(1, 1)
    (run,) = made.hand_out(0.0)
    made.made(run, 5.0)
    assert overdue(made, 104.0) == []
    assert overdue(made, 106.0) == [run]
    made.joined(0)
    assert who_has_what(made.hand_out(107.0)) == [(0, 0, False)]


def test_a_worker_that_leaves_while_it_uploads_gets_no_task() -> None:
    made = scheduler(3, 1)
    (first,) = made.hand_out(0.0)
    made.made(first, 5.0)
    (second,) = made.hand_out(5.0)
    made.dropped(second)
    made.leaves(0)
    assert made.hand_out(6.0) == []
    finish(made, first, 7.0)
    assert (made.num_left, made.num_running) == (2, 0)


def test_a_failed_upload_is_an_error_of_its_shard() -> None:
    made = scheduler(2, 1)
    (first,) = made.hand_out(0.0)
    made.made(first, 5.0)
    (second,) = made.hand_out(5.0)
    made.failed(first, ValueError("odd"))
    finish(made, second, 9.0)
    (again,) = made.hand_out(9.0)
    made.made(again, 12.0)
    with pytest.raises(OSError, match="full"):
        made.failed(again, OSError("full"))


def test_a_second_run_may_overtake_an_upload() -> None:
    made = scheduler(3, 2)
    first, other = made.hand_out(0.0)
    made.made(first, 1.0)
    (second,) = made.hand_out(1.0)
    finish(made, other, 4.0)
    (again,) = made.hand_out(10.0)
    assert who_has_what([again]) == [(1, 0, True)]
    assert finish(made, again, 12.0) == [first]
    finish(made, second, 12.0)
    # The other upload comes to its end, and finds the receipt.
    assert made.finished(first, 13.0, is_measure=True) == (False, [])
    assert made.num_left == 0


def test_measured_times_are_those_of_the_last_shards() -> None:
    measured = Measured()
    assert (measured.median, measured.longest) == (None, None)
    for seconds in range(100):
        measured.add(float(seconds))
    assert (measured.median, measured.longest) == (50.0, 95.0)
    for _ in range(MAX_MEASURED):
        measured.add(7.0)
    assert (measured.median, measured.longest) == (7.0, 7.0)
