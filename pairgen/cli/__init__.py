"""The command line: parse, call, print. Each command has its own file, loaded when called."""

import itertools
import shlex
import sys
import traceback
from pathlib import Path

import click

import pairgen
from pairgen.cli.help import LazyCommands
from pairgen.cli.messages import Messages, shown_messages, write_json
from pairgen.cli.options import complain
from pairgen.cli.result import EXIT_INTERRUPTED
from pairgen.cli.usage import usage_text
from pairgen.errors import PairgenError, UntrustedCodeError

# Maps each command to its module and the first sentence of its help. The sentence is repeated here
# because loading every command takes longer than listing them.
COMMANDS = {
    "ode": (
        "pairgen.cli.ode",
        "Turn prompts into (noise, prompt, latent) pairs as WebDataset shards.",
    ),
    "calibrate": (
        "pairgen.cli.calibrate",
        "Measure how close solvers, spacings and step counts come to a teacher's converged ODE.",
    ),
    "degrade": (
        "pairgen.cli.degrade",
        "Turn images into (HR, degraded LR) pairs as WebDataset shards.",
    ),
    "collect": (
        "pairgen.cli.collect",
        "Turn real images into WebDataset shards, all in one size, with captions and classes.",
    ),
    "annotate": (
        "pairgen.cli.annotate",
        "Add members or columns to the samples of a dataset, without editing it.",
    ),
    "methods": (
        "pairgen.cli.methods",
        "Show what each training method needs of a dataset, and which command adds it.",
    ),
    "train": (
        "pairgen.cli.train",
        "Train a student with METHOD on datasets made by pairgen.",
    ),
    "eval": (
        "pairgen.cli.evaluate",
        "Evaluate a student on held-out pairs, next to its teacher or to the target images.",
    ),
    "compare": (
        "pairgen.cli.compare",
        "Compare students, baselines and the teacher on the same held-out pairs, with their costs.",
    ),
    "restore": (
        "pairgen.cli.restore",
        "Restore pictures of any size with a student of `pairgen train`.",
    ),
    "sample": (
        "pairgen.cli.sample",
        "Sample images from a teacher or a student.",
    ),
    "export": (
        "pairgen.cli.export",
        "Export a one-step student and its decoder to ONNX.",
    ),
    "inspect": (
        "pairgen.cli.inspect",
        "Show what a dataset contains and how it was made, or show single samples.",
    ),
    "report": (
        "pairgen.cli.report",
        "Write a page about a dataset or a training run: one HTML file that opens offline.",
    ),
    "push": (
        "pairgen.cli.push",
        "Upload a dataset or a student to the hub; only new and changed files are sent.",
    ),
    "status": (
        "pairgen.cli.status",
        "Show the progress of a dataset: samples done, rate, ETA, workers, failures and cost.",
    ),
    "verify": (
        "pairgen.cli.verify",
        "Check a dataset: shards, samples, index and noise; then its annotations.",
    ),
    "repair": (
        "pairgen.cli.repair",
        "Remake damaged and missing shards; good shards keep their bytes.",
    ),
    "replay": (
        "pairgen.cli.replay",
        "Remake samples and compare them with the stored ones.",
    ),
    "cluster": (
        "pairgen.cli.cluster",
        "Start clusters and run commands on them: up, submit, status, logs, stop, down.",
    ),
    "doctor": (
        "pairgen.cli.doctor",
        "Check your setup, and show how to fix what does not work.",
    ),
    "demo": (
        "pairgen.cli.demo",
        "Run the whole pipeline on the embedded teacher and show the result on a page.",
    ),
}


@click.group(
    cls=LazyCommands,
    commands_by_name=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(pairgen.__version__, prog_name="pairgen")
def cli() -> None:
    """Build distillation datasets for diffusion models, and train the students.

    \b
    Exit codes: 0 success; 1 failed, or verify found problems; 2 wrong input, nothing written;
    3 finished, but too many inputs were rejected; 130 stopped by Ctrl-C, run again to continue.
    """  # noqa: D301
    click.get_current_context().with_resource(shown_messages())


def main() -> None:
    """Run the command line; turn an expected error into one sentence and its exit code."""
    with shown_messages() as messages:
        # Whoever reads lines of JSON gets them for a mistaken command line too.
        if "--log-json" in itertools.takewhile(lambda word: word != "--", sys.argv):
            write_json(messages)
        code = _run(messages)
    sys.exit(code)


def _run(messages: Messages) -> int:
    try:
        return int(cli.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        # A line of JSON holds the sentence alone.
        return _failed(usage_text(error, hint=not messages.as_json), error.exit_code)
    except click.Abort:
        stopped = "Stopped. Run the same command again: whatever is finished is kept."
        return _failed(stopped, EXIT_INTERRUPTED)
    except UntrustedCodeError as error:
        told = f"Error: {error}\nRun: {_this_command('--trust-code')}"
        return _failed(told, error.exit_code)
    except PairgenError as error:
        return _failed(f"Error: {error}", error.exit_code)
    except OSError as error:
        return _failed(f"Error: {error}. Finished shards are kept: run the same command again.", 1)
    except Exception:
        # A bug in pairgen: show the whole traceback, without secrets.
        return _failed(traceback.format_exc().rstrip(), 1)


def _failed(message: str, code: int) -> int:
    complain(message, exit_code=code)
    return code


def _this_command(added: str) -> str:
    """Return the command as typed, with one more flag."""
    name = ["python", "-m", "pairgen"] if Path(sys.argv[0]).name == "__main__.py" else ["pairgen"]
    # Right after the command's name: after a `--` it would not be a flag.
    return shlex.join([*name, *sys.argv[1:2], added, *sys.argv[2:]])
