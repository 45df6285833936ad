"""Ray nodes on this machine: started by `ray start`, healed by `up`, ended by their mark."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from pairgen.errors import ConfigError, PairgenError
from pairgen.jobs.cluster.base import Job, Say, Write, follow_or_leave
from pairgen.jobs.cluster.local.processes import MARK, NODE, end_all, living_nodes
from pairgen.jobs.cluster.local.state import (
    State,
    free_ports,
    locked,
    new_state,
    read_state,
    state_file,
)
from pairgen.jobs.cluster.options import LocalOptions
from pairgen.jobs.cluster.programs import RAY
from pairgen.jobs.cluster.ray_jobs import Jobs
from pairgen.wording import command_text, counted

HEAD = 0
# Samples do not travel through the object store; Ray takes no less than 75 MiB.
OBJECT_STORE = 128 * 2**20


class LocalCluster:
    """See `pairgen.jobs.cluster.base.Cluster`.

    Args:
        name: CONFIG as given.
        path: Its file, by which the state is found again.
        options: What stands in it.
    """

    def __init__(self, name: str, path: Path, options: LocalOptions) -> None:
        self.name = name
        self.file = state_file(path)
        self.options = options

    def up(self, say: Say) -> None:
        """Start the nodes that are missing; all of them if the head is."""
        with locked(self.file):
            state = read_state(self.file)
            if state is not None and HEAD not in living_nodes(state.mark):
                self._end(state)
                state = None
            state = state or new_state(self.file)
            living = living_nodes(state.mark)
            missing = [node for node in range(self.options.nodes) if node not in living]
            for node in missing:
                # What is left of a dead node holds its ports and GPUs.
                end_all(state.mark, node)
                self._start(state, node)
            self._jobs(state).wait_until_ready()
        started = f", {len(missing)} of them started now" if missing else ""
        say(f"{counted(self.options.nodes, 'node runs', 'nodes run')} on this machine{started}.")
        submit = command_text("pairgen", "cluster", "submit", self.name, "--")
        say(f"Run commands there: {submit} pairgen ...")

    def show(self, job: Job) -> str:
        """Return the command."""
        return job.line(sys.executable)

    def submit(self, job: Job, write: Write, say: Say) -> int:
        """Run a command as a Ray job on the head."""
        jobs = self._running()
        # The same machine: relative paths mean what they mean here.
        folder = "" if job.working_dir else os.getcwd()
        job_id = jobs.submit(job, sys.executable, folder)
        return follow_or_leave(job_id, job, jobs.follow, write, say)

    def status(self) -> str:
        """Return which nodes live, and the jobs."""
        jobs = self._running()
        living = living_nodes(self._state().mark)
        nodes = [
            f"node {node}{' (head)' if node == HEAD else ''}: "
            f"{'runs' if node in living else 'is dead, `pairgen cluster up` starts it again'}"
            for node in range(self.options.nodes)
        ]
        return "\n".join([*nodes, jobs.table()])

    def logs(self, job_id: str, follow: bool, write: Write, say: Say) -> int:
        """Write the log of a job."""
        return self._running().logs(job_id, follow, write, say)

    def stop(self, job_id: str, say: Say) -> None:
        """End a job."""
        self._running().stop(job_id, say)

    def down(self, say: Say) -> None:
        """Kill every process of the cluster and remove its folder."""
        if not self.file.exists():
            say(f"The cluster {self.name!r} does not run on this machine.")
            return
        with locked(self.file):
            state = read_state(self.file)
            if state is not None:
                self._end(state)
        say(f"The cluster {self.name!r} has ended.")

    def _end(self, state: State) -> None:
        end_all(state.mark)
        shutil.rmtree(state.folder, ignore_errors=True)
        self.file.unlink(missing_ok=True)

    def _state(self) -> State:
        state = read_state(self.file)
        if state is None:
            raise ConfigError(
                f"The cluster {self.name!r} does not run: pairgen cluster up {self.name}."
            )
        return state

    def _running(self) -> Jobs:
        state = self._state()
        if HEAD not in living_nodes(state.mark):
            raise PairgenError(self._head_is_dead())
        return self._jobs(state)

    def _jobs(self, state: State) -> Jobs:
        def look() -> None:
            if HEAD not in living_nodes(state.mark):
                raise PairgenError(self._head_is_dead())

        token = state.token_file.read_text(encoding="utf-8")
        address = f"http://127.0.0.1:{state.jobs_port}"
        return Jobs(self.name, lambda: address, token=token, look=look)

    def _head_is_dead(self) -> str:
        return (
            f"The head node of the cluster {self.name!r} has died, and with it its jobs: run "
            f"`pairgen cluster up {self.name}` and submit again, which continues."
        )

    def _start(self, state: State, node: int) -> None:
        """Run `ray start` for one node.

        Raises:
            PairgenError: It failed.
        """
        ports = free_ports(2)
        line = [
            *(*RAY, "start", "--disable-usage-stats", f"--num-cpus={self.options.cpus_per_node}"),
            f"--num-gpus={self.options.gpus_per_node}",
            f"--object-store-memory={OBJECT_STORE}",
            f"--dashboard-agent-listen-port={ports[0]}",
        ]
        if node == HEAD:
            line += ["--head", f"--port={state.gcs_port}", f"--temp-dir={state.folder}"]
            line += ["--dashboard-host=127.0.0.1", f"--dashboard-port={state.jobs_port}"]
            line += ["--include-dashboard=true", f"--ray-client-server-port={ports[1]}"]
        else:
            line += [f"--address=127.0.0.1:{state.gcs_port}"]
        done = subprocess.run(  # noqa: S603
            line,
            env=self._environment(state, node),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            end_all(state.mark, node)
            said = done.stdout.strip().splitlines() or ["it said nothing"]
            raise PairgenError(f"Node {node} of the cluster did not start: {said[-1]}")

    def _environment(self, state: State, node: int) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        own |= {MARK: state.mark, NODE: str(node)}
        # The mark stays readable when Ray's workers rename themselves.
        own |= {"SPT_NOENV": "1"}
        own |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(state.token_file)}
        own.pop("RAY_AUTH_TOKEN", None)
        if num := self.options.gpus_per_node:
            first = node * num
            own["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, range(first, first + num)))
        return own
