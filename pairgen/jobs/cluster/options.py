"""The options of `pairgen cluster submit`, and the keys of its config files."""

from typing import Annotated

from pairgen.list_rules import Places
from pairgen.options import Option, Options
from pairgen.rules import Integer, Switch, Text


class SubmitConfig(Options):
    """Every option of `pairgen cluster submit`, checked."""

    command = "pairgen cluster submit"

    env: Annotated[
        tuple[str, ...],
        Places("names of environment variables"),
        Option(
            "Environment variable to pass to the command with its value, such as HF_TOKEN. "
            "Repeatable.",
            "Job",
            metavar="NAME",
        ),
    ] = ()
    working_dir: Annotated[
        str,
        Text(),
        Option(
            "Folder to copy to the cluster; the command runs in the copy.", "Job", metavar="DIR"
        ),
    ] = ""
    detach: Annotated[
        bool,
        Switch(),
        Option("Print the job's id and return without following its log.", "Job"),
    ] = False
    show: Annotated[
        bool,
        Switch(),
        Option(
            "Print what would be submitted, such as the sbatch script, and submit nothing.", "Job"
        ),
    ] = False


class LocalOptions(Options):
    """The keys of a config file with `kind: local`: Ray nodes on this machine."""

    command = "kind: local"

    nodes: Annotated[int, Integer(1, 64), Option("Number of Ray nodes, including the head.")] = 3
    cpus_per_node: Annotated[int, Integer(1, 4096), Option("CPUs of each node.")] = 1
    gpus_per_node: Annotated[
        int, Integer(0, 64), Option("GPUs of each node; no two nodes share a GPU.")
    ] = 0


class SlurmOptions(Options):
    """The keys of a config file with `kind: slurm`: one batch job is a cluster and a command."""

    command = "kind: slurm"

    job_name: Annotated[
        str,
        Text("give the jobs a name"),
        Option(
            "Name of the batch jobs; `pairgen cluster down` cancels all of your jobs with this "
            "name."
        ),
    ] = "pairgen"
    nodes: Annotated[int, Integer(1, 100_000), Option("Number of machines.")] = 2
    gpus_per_node: Annotated[int, Integer(0, 64), Option("GPUs to request on each machine.")] = 1
    cpus_per_node: Annotated[int, Integer(1, 4096), Option("CPUs to request on each machine.")] = 8
    time: Annotated[
        str, Text("give a time such as 1-00:00:00"), Option("Time limit, in the format of sbatch.")
    ] = "1-00:00:00"
    log: Annotated[
        str,
        Text("give a file that all machines see"),
        Option("File for the output; %j stands for the job's id."),
    ] = "pairgen-%j.log"
    sbatch: Annotated[
        tuple[str, ...],
        Places("a list of options of sbatch"),
        Option("More options of sbatch, each written as on its command line.", metavar="LIST"),
    ] = ()
    setup: Annotated[
        tuple[str, ...],
        Places("a list of shell commands"),
        Option("Shell commands to run first, such as `module load python`.", metavar="LIST"),
    ] = ()
