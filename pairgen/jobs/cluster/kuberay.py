"""KubeRay: a RayJob of Kubernetes is a cluster and a command; the file is its manifest.

`submit` fills in the command and a name of its own. Kubernetes starts the pods, and removes them
when the command has ended (`shutdownAfterJobFinishes`).
"""

import copy
import re
import secrets
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from pairgen.errors import ConfigError, PairgenError
from pairgen.jobs.cluster.base import (
    EXIT_STOPPED,
    Job,
    Say,
    Write,
    follow_or_leave,
    only_following,
)
from pairgen.jobs.cluster.programs import found, json_of, output_of

LABEL = "pairgen-cluster"
ENDED = ("Complete", "Failed", "Suspended")
SECONDS_BETWEEN_LOOKS = 5.0
MAX_FAILED_LOOKS = 180


class KubeRayCluster:
    """See `pairgen.jobs.cluster.base.Cluster`.

    Args:
        name: CONFIG as given.
        path: Its file.
        manifest: What stands in it.

    Raises:
        ConfigError: It has no name, or no `spec`.
    """

    def __init__(self, name: str, path: Path, manifest: dict[str, Any]) -> None:
        self.name = name
        self.manifest = manifest
        self.label = (manifest.get("metadata") or {}).get("name")
        if not isinstance(self.label, str) or not isinstance(manifest.get("spec"), dict):
            raise ConfigError(f"The RayJob in {path} must have a `metadata.name` and a `spec`.")

    def up(self, say: Say) -> None:
        """Refuse: there is nothing to start."""
        del say
        raise ConfigError(
            "A RayJob starts a cluster for each command: run "
            f"`pairgen cluster submit {self.name} -- pairgen ...` at once."
        )

    def show(self, job: Job) -> str:
        """Return the manifest with the command."""
        return yaml.safe_dump(self._filled(job), sort_keys=False)

    def submit(self, job: Job, write: Write, say: Say) -> int:
        """Create the RayJob."""
        manifest = self._filled(job)
        text = yaml.safe_dump(manifest, sort_keys=False)
        output_of(["kubectl", "create", "-f", "-"], stdin=text)
        job_id = manifest["metadata"]["name"]
        return follow_or_leave(job_id, job, self._follow, write, say)

    def status(self) -> str:
        """Return what kubectl says of the jobs and their pods."""
        jobs = output_of(["kubectl", "get", "rayjobs", "-l", f"{LABEL}={self.label}"])
        return jobs.rstrip() or "No jobs so far."

    def logs(self, job_id: str, follow: bool, write: Write, say: Say) -> int:
        """Write the log of a job."""
        if not job_id:
            raise ConfigError("Name the job: pairgen cluster status shows their names.")
        if follow:
            return self._follow(job_id, write, say)
        write(output_of(["kubectl", "logs", f"job/{job_id}"]))
        return 0

    def stop(self, job_id: str, say: Say) -> None:
        """Delete the RayJob, and with it its pods."""
        output_of(["kubectl", "delete", "rayjob", job_id])
        say(f"Job {job_id} has ended; submit its command again to continue.")

    def down(self, say: Say) -> None:
        """Delete all RayJobs of this file, and with them their pods."""
        output_of(["kubectl", "delete", "rayjobs", "-l", f"{LABEL}={self.label}"])
        say(f"All jobs of {self.label!r} are deleted, with their pods.")

    def _filled(self, job: Job) -> dict[str, Any]:
        if job.env:
            raise ConfigError(
                "--env is not for Kubernetes: put the variables into a Secret, which `envFrom` in "
                "the file names (kubectl create secret generic)."
            )
        if job.working_dir:
            raise ConfigError("--working-dir is not for Kubernetes: put files into the image.")
        manifest = copy.deepcopy(self.manifest)
        metadata = manifest["metadata"]
        metadata["name"] = f"{self.label}-{secrets.token_hex(3)}"
        metadata["labels"] = {**(metadata.get("labels") or {}), LABEL: self.label}
        manifest["spec"]["entrypoint"] = job.line("python")
        return manifest

    def _follow(self, job_id: str, write: Write, say: Say) -> int:
        with only_following(self.name, job_id, say):
            return _followed(job_id, write, say)


def _followed(job_id: str, write: Write, say: Say) -> int:
    """Write the log of a job until its end, and return its exit code."""
    num_written = num_failed = 0
    while True:
        num_written = _write_log(job_id, num_written, write)
        try:
            status = json_of(["kubectl", "get", "rayjob", job_id, "-o", "json"]).get("status") or {}
            num_failed = 0
        except PairgenError as error:
            num_failed += 1
            if num_failed > MAX_FAILED_LOOKS or "NotFound" in str(error):
                raise
            status = {}
        if status.get("jobDeploymentStatus") in ENDED:
            _write_log(job_id, num_written, write)
            return exit_code(status, say)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def exit_code(status: dict[str, Any], say: Say) -> int:
    """Return the exit code of a RayJob's command, from what the RayJob says of itself."""
    state = status.get("jobStatus")
    if state == "SUCCEEDED":
        return 0
    if state == "STOPPED":
        say("The job was stopped.")
        return EXIT_STOPPED
    message = str(status.get("message") or status.get("reason") or state)
    # The words of Ray's Jobs API.
    code = re.search(r"failed with exit code (-?\d+)", message)
    if code is None:
        say(f"Error: the job failed: {message.splitlines()[0]}")
        return 1
    number = int(code[1])
    return 128 - number if number < 0 else number


def _write_log(job_id: str, num_written: int, write: Write) -> int:
    """Follow the log of the pod that submits, as long as the connection stands.

    It is sent from its begin each time; what was written before is passed over.

    Returns:
        How many characters have been written by now.
    """
    line = [found("kubectl"), "logs", "--follow", f"job/{job_id}"]
    with subprocess.Popen(  # noqa: S603
        line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        num_seen = 0
        try:
            for text in process.stdout:
                new = text[max(num_written - num_seen, 0) :]
                num_seen += len(text)
                if new:
                    write(new)
                    num_written = num_seen
        finally:
            process.terminate()
    return num_written
