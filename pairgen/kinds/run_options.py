"""Options of every run: where it runs, and how many workers it has."""

from typing import Annotated

from pairgen.byte_count import SCHEMA, check_bytes
from pairgen.options import Option, Options
from pairgen.rules import Checked, Choice, Integer, Number, Place, Switch, Text
from pairgen.shard_range import ALL_SHARDS, ShardRange, check_shard_range

EXECUTORS = ("auto", "serial", "ray")
_PART_SCHEMA = {"type": "string", "pattern": "^[0-9]{1,9}/[0-9]{1,9}$"}
# OpenMP crashes if it cannot create as many.
MAX_CPU_THREADS = 1024
# A day: a machine that gives more notice gives none.
MAX_GRACE = 86_400.0

CpuThreads = Annotated[
    int,
    Integer(1, MAX_CPU_THREADS),
    Option("CPU threads of each worker.", "Compute", "remembered"),
]

Revision = Annotated[
    str,
    Text(),
    Option("Branch, tag or commit of the hub model.", "Model", "identity", metavar="REV"),
]

MAX_REJECTED = 0.01
MaxRejected = Annotated[
    float,
    Number(0.0, 1.0),
    Option(
        "Exit with code 3 if more than this share of the inputs is rejected.",
        "Output",
        metavar="SHARE",
    ),
]


AcceptChangedCode = Annotated[
    bool,
    Switch(),
    Option(
        "Continue although your own code has changed: finished work stays, and new work is "
        "recorded with the new code.",
        "Other",
    ),
]


class CheckOptions(Options):
    """Where shards are read. There is no option for GPUs: reading uses none."""

    executor: Annotated[
        str,
        Choice(EXECUTORS),
        Option(
            "Where to run. auto: ray if RAY_ADDRESS is set or --address is given, else serial.",
            "Workers",
        ),
    ] = "auto"
    num_workers: Annotated[
        int,
        Integer(1, unset=0),
        Option("Number of Ray actors.", "Workers", default="as many as fit into the cluster"),
    ] = 0
    address: Annotated[
        str,
        Place(),
        Option(
            "Address of a running Ray cluster: auto, HOST:PORT or ray://HOST:PORT.",
            "Workers",
            metavar="ADDRESS",
        ),
    ] = ""


class WorkerOptions(CheckOptions):
    """Where shards are made."""

    executor: Annotated[
        str,
        Choice(EXECUTORS),
        Option(
            "Where to run. auto: ray if RAY_ADDRESS is set, --address is given or several GPUs "
            "are visible, else serial.",
            "Workers",
        ),
    ] = "auto"
    gpus_per_worker: Annotated[
        float,
        Number(0.0, 1024.0),
        Option("GPUs per Ray actor.", "Workers", metavar="G"),
    ] = 1.0
    grace: Annotated[
        float,
        Number(0.0, MAX_GRACE),
        Option(
            "Seconds from SIGTERM (a preemption) until the process must end. A worker finishes "
            "its shard if it can in that time, else drops it.",
            "Workers",
            metavar="SECONDS",
        ),
    ] = 30.0
    stuck_after: Annotated[
        float,
        Number(0.0, 31_536_000.0),
        Option(
            "End the run if no Ray worker answers for this many seconds; 0 waits forever.",
            "Workers",
            metavar="SECONDS",
        ),
    ] = 43_200.0


class MakingOptions(WorkerOptions):
    """Options of every command that makes many samples."""

    max_rejected: MaxRejected = MAX_REJECTED
    accept_changed_code: AcceptChangedCode = False


class PartOptions(MakingOptions):
    """Options of the commands that make a dataset, of which several may each make a part."""

    shard_range: Annotated[
        str,
        Checked(check_shard_range, _PART_SCHEMA, "str"),
        Option(
            "Make only part I of N of the shards; leave the others to other commands.",
            "Workers",
            metavar="I/N",
            default="all shards",
        ),
    ] = str(ALL_SHARDS)

    @property
    def part(self) -> ShardRange:
        """The part of the shards that is made."""
        return ShardRange.named(self.shard_range)


ShardBytes = Annotated[
    int,
    Checked(check_bytes, SCHEMA, "int | str"),
    Option(
        "Approximate size of a shard in bytes, such as 1GB, instead of --samples-per-shard; a "
        "folder keeps the size of its first run.",
        "Output",
        metavar="BYTES",
        default="--samples-per-shard sets it",
    ),
]
