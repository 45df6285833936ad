"""What the user is told about workers that are slow, silent or of several kinds."""

from collections.abc import Mapping

from pairgen.execution.progress import format_seconds
from pairgen.execution.scheduling.task_run import Run
from pairgen.wording import counted

STUCK = (
    "The run ends after --stuck-after; finished shards are kept: see `ray status` and the logs of "
    "the workers, and run the same command again."
)


def overdue(run: Run, now: float) -> str:
    """Say that a worker is given up."""
    return (
        f"no progress for {format_seconds(now - run.last_news)}; "
        "it is started anew, and the shard goes to another worker"
    )


def slow(run: Run, now: float, usual: float) -> str:
    """Name a straggler."""
    return (
        f"worker {run.worker} is slow: shard {run.task.shard_index:05d} has taken "
        f"{format_seconds(now - run.start)} so far, usual are {format_seconds(usual)}."
    )


def silence(seconds: float | None, num_running: int, resources: Mapping[str, float]) -> str:
    """Say that nobody has answered for some time; None if nobody has loaded yet."""
    if seconds is None:
        return f"Still waiting for the first worker; the cluster has {dict(resources)}."
    return (
        f"No worker has answered for {format_seconds(seconds)}; "
        f"{counted(num_running, 'shard is', 'shards are')} in work; "
        f"the cluster has {dict(resources)}."
    )


def kinds(devices: Mapping[str, int]) -> str:
    """Tell how many shards each kind of device made; empty if there was one kind."""
    if len(devices) < 2:
        return ""
    counts = sorted(devices.items(), key=lambda item: (-item[1], item[0]))
    return "Shards by device: " + ", ".join(f"{name} {num:,}" for name, num in counts) + "."
