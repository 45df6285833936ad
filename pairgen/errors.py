"""Every error that pairgen raises on purpose.

    PairgenError                exit code 1: the run could not be finished
    |-- ConfigError             exit code 2: a flag, key, prompt file or folder is invalid;
    |   |                       nothing was written
    |   |-- PlanMismatchError   the folder holds another dataset
    |   |   `-- FewerAskedError the folder holds more samples
    |   |-- TeacherLoadError    weights are missing, broken, or not the planned ones
    |   |-- UntrustedCodeError  data names a module outside pairgen
    |   `-- ChangedCodeError    a user's own module is not what a set or run was made with
    |-- WorkerError             code that a worker ran raised an exception of its own
    |-- CorruptShardError       a shard is truncated or altered
    |-- StoreError              a folder behind a URL cannot be accessed; also an OSError
    |-- NotAFileError           a FIFO, socket or device lies where a file should; also an OSError
    `-- OutOfDeviceMemoryError  the batch does not fit on the device

The message is one sentence that names the offending value and what is allowed, without secrets in
URLs. The command line and `run_script` print it without a traceback and exit with `exit_code`.
"""

import sys
from collections.abc import Callable

from pairgen.redaction import without_secrets

# Longest part of a library's own message that is quoted.
MAX_REASON = 300


def short(reason: str) -> str:
    """Return a library's message in one line, cut to a readable length, without dots at its end."""
    return " ".join(reason.split())[:MAX_REASON].rstrip(". ")


class PairgenError(Exception):
    """A failure with a message for the user."""

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(without_secrets(message))


class ConfigError(PairgenError, ValueError):
    """An input is invalid; the user can correct it."""

    exit_code = 2


class PlanMismatchError(ConfigError):
    """The output folder holds a dataset with another plan."""


class FewerAskedError(PlanMismatchError):
    """Fewer samples are asked for than a set has; nothing else differs.

    Attributes:
        told: What the set has, and what was asked for.
        num_slots: Number of the first slots that were asked for; None if they lie anywhere.
    """

    def __init__(self, message: str, told: str, num_slots: int | None = None) -> None:
        super().__init__(message)
        self.told, self.num_slots = told, num_slots


class TeacherLoadError(ConfigError):
    """A teacher's weights are missing, unreadable, or differ from the planned ones."""


class UntrustedCodeError(ConfigError):
    """Data names a module outside pairgen, which the user has not named."""


class ChangedCodeError(ConfigError):
    """A user's own module is not the one that a dataset or run was made with."""


class WorkerError(PairgenError):
    """Code that a worker in another process ran, such as a user's teacher, raised an exception."""


class CorruptShardError(PairgenError):
    """The bytes of a shard are invalid."""


class StoreError(PairgenError, OSError):
    """A folder behind a URL cannot be accessed, so its content is unknown."""


class NotAFileError(PairgenError, OSError):
    """A FIFO, a socket or a device lies where a file should."""


class OutOfDeviceMemoryError(PairgenError):
    """A batch does not fit into the device's memory."""


def run_script(main: Callable[[], None]) -> None:
    """Call a script's `main`; on an expected error, print one sentence and exit with its code."""
    try:
        main()
    except PairgenError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(error.exit_code)
