"""Scripts that start Python again and again: a warm server forks each of their processes."""

import runpy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests import warm

CODE = "from tests import warm_scripts\nwarm_scripts.run_script()"


class Popen(subprocess.Popen):
    """`subprocess.Popen`, but for `python SCRIPT ...`, which it asks the server for."""

    def __new__(cls, line: Sequence[Any], **options: Any) -> Any:
        return start(line, **options) if line[0] == sys.executable else super().__new__(cls)


def start(
    line: Sequence[Any],
    *,
    stdin: int,
    stdout: Any,
    stderr: int,
    start_new_session: bool = False,
    **options: Any,
) -> warm.Started:
    """Start `python [-P] SCRIPT ...` without input; its errors go where its output goes."""
    assert stdin == subprocess.DEVNULL and stderr == subprocess.STDOUT
    is_safe = line[1] == "-P"
    argv = [str(word) for word in line[1 + is_safe :]]
    # All scripts find the checkout, which is on their path.
    options["first"] = warm.ROOT if is_safe else Path(argv[0]).parent
    with open("/dev/null", "rb") as nothing:
        streams = [nothing.fileno(), stdout.fileno(), stdout.fileno()]
        return warm.start(argv, streams, code=CODE, session=start_new_session, **options)


def run_script() -> None:
    """Run the script that `sys.argv` names; its processes are forked, too."""
    subprocess.Popen = Popen
    runpy.run_path(sys.argv[0], run_name="__main__")
