"""Slurm: one batch job starts a Ray head and its workers, runs the command, and ends them.

The queue is Slurm's. `submit` hands the script to `sbatch` and follows the file with its output.
"""

import re
import time
from pathlib import Path

from pairgen.errors import ConfigError, PairgenError
from pairgen.jobs.cluster.base import (
    EXIT_STOPPED,
    Job,
    Say,
    Write,
    follow_or_leave,
    only_following,
)
from pairgen.jobs.cluster.options import SlurmOptions
from pairgen.jobs.cluster.programs import output_of
from pairgen.jobs.cluster.slurm_script import script

SECONDS_BETWEEN_LOOKS = 5.0
# Slurm's own daemons may be away for a while.
MAX_FAILED_LOOKS = 60
WAITING = ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SUSPENDED", "RESIZING")
RUNNING = ("RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING", "STOPPED")


class SlurmCluster:
    """See `pairgen.jobs.cluster.base.Cluster`.

    Args:
        name: CONFIG as given.
        options: What stands in it.
    """

    def __init__(self, name: str, options: SlurmOptions) -> None:
        self.name = name
        self.options = options

    def up(self, say: Say) -> None:
        """Refuse: there is nothing to start."""
        del say
        raise ConfigError(
            "Slurm starts a cluster for each command: run "
            f"`pairgen cluster submit {self.name} -- pairgen ...` at once."
        )

    def show(self, job: Job) -> str:
        """Return the sbatch script."""
        if job.working_dir:
            raise ConfigError(
                "--working-dir is not for Slurm, whose jobs run in the folder they are sent from."
            )
        return script(self.options, job)

    def submit(self, job: Job, write: Write, say: Say) -> int:
        """Hand the script to sbatch; the job gets this environment, which Slurm passes on."""
        job_id = output_of(["sbatch", "--parsable"], stdin=self.show(job)).strip().partition(";")[0]
        return follow_or_leave(job_id, job, self._follow, write, say)

    def status(self) -> str:
        """Return what squeue says of the jobs."""
        shown = "%.10i %.10T %.12M %.6D %R"
        return output_of(
            ["squeue", "--me", f"--name={self.options.job_name}", "-o", shown]
        ).rstrip()

    def logs(self, job_id: str, follow: bool, write: Write, say: Say) -> int:
        """Write the output of a job."""
        if not job_id:
            raise ConfigError("Name the job: pairgen cluster status shows their ids.")
        if follow:
            return self._follow(job_id, write, say)
        write(_read(_log_of(_facts(job_id)), 0)[0])
        return 0

    def stop(self, job_id: str, say: Say) -> None:
        """Run scancel."""
        output_of(["scancel", job_id])
        say(f"Job {job_id} ends; submit its command again to continue.")

    def down(self, say: Say) -> None:
        """Cancel all jobs of this name."""
        output_of(["scancel", "--me", f"--name={self.options.job_name}"])
        say(f"All jobs with the name {self.options.job_name!r} end.")

    def _follow(self, job_id: str, write: Write, say: Say) -> int:
        with only_following(self.name, job_id, say):
            return _followed(job_id, write, say)


def _followed(job_id: str, write: Write, say: Say) -> int:
    """Write the output of a job until its end, and return its exit code."""
    num_read = num_failed = 0
    log = None
    said = ""
    while True:
        try:
            facts = _facts(job_id)
            num_failed = 0
        except PairgenError:
            num_failed += 1
            if num_failed > MAX_FAILED_LOOKS:
                raise
            time.sleep(SECONDS_BETWEEN_LOOKS)
            continue
        state = facts.get("JobState", "UNKNOWN")
        log = log or _log_of(facts)
        text, num_read = _read(log, num_read)
        write(text)
        reason = facts.get("Reason", "None")
        if state in WAITING and reason not in ("None", said):
            said = reason
            say(f"The job waits: {reason}")
        if state not in (*WAITING, *RUNNING):
            # What came between the last look and the end.
            write(_read(log, num_read)[0])
            return _exit_code(state, facts, say)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _exit_code(state: str, facts: dict[str, str], say: Say) -> int:
    code, _, number = facts.get("ExitCode", "1:0").partition(":")
    if state.startswith("CANCELLED"):
        say("The job was stopped.")
        return EXIT_STOPPED
    if state not in ("COMPLETED", "FAILED"):
        say(f"Error: Slurm ended the job: {state}. Submit it again to continue.")
    if int(number):
        return 128 + int(number)
    return int(code) or int(state != "COMPLETED")


def _facts(job_id: str) -> dict[str, str]:
    """Return what scontrol says of a job: JobState, ExitCode, StdOut and others.

    Raises:
        PairgenError: Slurm does not answer, or has forgotten the job.
    """
    line = output_of(["scontrol", "show", "job", "-o", job_id])
    return dict(re.findall(r"(\w+)=(\S*)", line))


def _log_of(facts: dict[str, str]) -> Path:
    return Path(facts.get("StdOut", ""))


def _read(log: Path, start: int) -> tuple[str, int]:
    """Return the text behind byte `start`, and where it ends; nothing before the file is there."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            data = file.read()
    except (FileNotFoundError, IsADirectoryError):
        return "", start
    return data.decode("utf-8", "replace"), start + len(data)
