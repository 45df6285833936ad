"""Every error that pairgen raises on purpose.

    PairgenError                exit code 1: the run could not be finished
    |-- ConfigError             exit code 2: a flag, key, prompt file or folder is wrong;
    |   |                       nothing was written
    |   |-- PlanMismatchError   the folder holds another dataset
    |   `-- TeacherLoadError    weights are missing, broken, or not the planned ones
    |-- CorruptShardError       a shard is truncated or altered
    `-- OutOfDeviceMemoryError  the batch does not fit on the device

The message is one sentence that names the offending value and what is allowed.
The command line prints it without a traceback and exits with `exit_code`; so does `run_script`.
"""

import sys
from collections.abc import Callable


class PairgenError(Exception):
    """A failure with a message for the user."""

    exit_code = 1


class ConfigError(PairgenError, ValueError):
    """An input is wrong and the user can mend it."""

    exit_code = 2


class PlanMismatchError(ConfigError):
    """The output folder holds a dataset with another plan."""


class TeacherLoadError(ConfigError):
    """A teacher's weights are missing, unreadable, or differ from the planned ones."""


class CorruptShardError(PairgenError):
    """A shard's bytes are not what a shard's bytes must be."""


class OutOfDeviceMemoryError(PairgenError):
    """A batch does not fit into the device's memory."""


def run_script(main: Callable[[], None]) -> None:
    """Call a script's `main`; end it with one sentence and the exit code on an expected error."""
    try:
        main()
    except PairgenError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(error.exit_code)
