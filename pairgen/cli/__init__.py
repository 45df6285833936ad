"""The command line: parse, call, print. One file a command."""

import io
import shlex
import sys
import traceback
from pathlib import Path

import click

import pairgen
from pairgen.cli.calibrate import calibrate
from pairgen.cli.degrade import degrade
from pairgen.cli.demo import demo
from pairgen.cli.doctor import doctor
from pairgen.cli.evaluate import evaluate
from pairgen.cli.help import FullSummaries
from pairgen.cli.inspect import inspect
from pairgen.cli.ode import ode
from pairgen.cli.options import say
from pairgen.cli.repair import repair
from pairgen.cli.replay import replay
from pairgen.cli.result import EXIT_INTERRUPTED
from pairgen.cli.sample import sample
from pairgen.cli.train import train
from pairgen.cli.verify import verify
from pairgen.errors import PairgenError, UntrustedCodeError


@click.group(
    cls=FullSummaries,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(pairgen.__version__, prog_name="pairgen")
def cli() -> None:
    """Build distillation datasets for diffusion models, and train the students.

    \b
    Exit codes: 0 success; 1 failed, or verify found problems; 2 wrong input, nothing written;
    3 finished, but too many inputs were rejected; 130 stopped by Ctrl-C, run again to continue.
    """  # noqa: D301


for each in (
    *(ode, calibrate, degrade, train, evaluate, sample),
    *(inspect, verify, repair, replay),
    *(doctor, demo),
):
    cli.add_command(each)


def main() -> None:
    """Run the command line; turn an expected error into one sentence and its exit code."""
    try:
        code = cli.main(standalone_mode=False)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        say(shown.getvalue().rstrip())
        code = error.exit_code
    except click.Abort:
        click.echo("Stopped. What is finished is kept: run the same command again.", err=True)
        code = EXIT_INTERRUPTED
    except UntrustedCodeError as error:
        say(f"Error: {error}\nThat is: {_this_command('--trust-code')}")
        code = error.exit_code
    except PairgenError as error:
        say(f"Error: {error}")
        code = error.exit_code
    except OSError as error:
        say(f"Error: {error}. A dataset keeps its finished shards: run the same command again.")
        code = 1
    except Exception:
        # A fault of pairgen's: all of it is told, but for what nobody may see.
        say(traceback.format_exc().rstrip())
        code = 1
    sys.exit(code)


def _this_command(added: str) -> str:
    """Return the command as it was typed, with a flag more."""
    name = ["python", "-m", "pairgen"] if Path(sys.argv[0]).name == "__main__.py" else ["pairgen"]
    # Right behind the command's name: after a `--` it would be no flag.
    return shlex.join([*name, *sys.argv[1:2], added, *sys.argv[2:]])
