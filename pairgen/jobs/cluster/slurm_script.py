"""The sbatch script: a pure function of the config file and the command."""

import shlex

from pairgen.errors import ConfigError
from pairgen.jobs.cluster.base import Job
from pairgen.jobs.cluster.options import SlurmOptions

# The head runs in a step of its own, so that the batch step stays the driver alone. Job steps end
# with the batch script, and so do the nodes that they hold.
BODY = """\
set -euo pipefail
{setup}
export RAY_USAGE_STATS_ENABLED=0
unset RAY_ADDRESS
nodes=($(scontrol show hostnames "$SLURM_JOB_NODELIST"))
head=${{nodes[0]}}
port=$((20000 + SLURM_JOB_ID % 10000))
address=$(srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address)
address=${{address%% *}}:$port
# Protected by a token of its own, which job steps inherit.
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \\n')
export RAY_AUTH_TOKEN
share=(--num-cpus={cpus} --num-gpus={gpus} --disable-usage-stats --block)

srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \\
    ray start --head --port="$port" --include-dashboard=false \\
    --dashboard-port=$((port + 10000)) --temp-dir="/tmp/ray-$SLURM_JOB_ID" "${{share[@]}}" \\
    >/dev/null &
for try in $(seq 150); do
    ray health-check --address "$address" >/dev/null 2>&1 && break
    [ "$try" -lt 150 ] || {{ echo "The head did not start." >&2; exit 1; }}
    sleep 2
done
for node in "${{nodes[@]:1}}"; do
    srun --overlap --nodes=1 --ntasks=1 --nodelist="$node" \\
        ray start --address="$address" "${{share[@]}}" >/dev/null &
done

export RAY_ADDRESS=$address
code=0
{command} || code=$?
kill $(jobs -p) 2>/dev/null || true
wait || true
exit "$code"
"""


def script(options: SlurmOptions, job: Job) -> str:
    """Return the sbatch script of a job.

    Raises:
        ConfigError: An option of sbatch is not one, or a text has a line break.
    """
    directives = [
        f"--job-name={options.job_name}",
        f"--nodes={options.nodes}",
        "--ntasks-per-node=1",
        f"--cpus-per-task={options.cpus_per_node}",
        *([f"--gpus-per-node={options.gpus_per_node}"] if options.gpus_per_node else []),
        f"--time={options.time}",
        f"--output={options.log}",
        # A requeued job appends: what follows its output reads on.
        "--open-mode=append",
        *options.sbatch,
    ]
    for each in directives:
        if not each.startswith("--") or "\n" in each:
            raise ConfigError(f"Each entry of sbatch must be an option on one line, got {each!r}.")
    head = "".join(f"#SBATCH {shlex.quote(each)}\n" for each in directives)
    body = BODY.format(
        setup="\n".join(options.setup),
        cpus=options.cpus_per_node,
        gpus=options.gpus_per_node,
        command=job.line("python"),
    )
    return f"#!/bin/bash\n{head}{body}"
