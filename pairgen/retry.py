"""Ask a remote store again where that may help: networks break, and stores ask to slow down."""

import errno
import logging
import random
import re
import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

# Seconds before each new try. Client libraries have their own tries, each much shorter.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
# Credentials may be renewed by what hands them out, but a wrong key stays wrong.
PAUSES_IF_DENIED = (1.0, 2.0)
_DENIED = re.compile(
    r"expired|credential|denied|forbidden|unauthorized|invalidaccesskey|signature|\b40[13]\b",
    re.IGNORECASE,
)
# Errors of the call or of this machine.
_LASTING = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.EEXIST)
# Answers of a web server: not allowed; and those that may pass, as its own failures may.
_DENIES = (401, 403)
_MAY_PASS = (*_DENIES, 408, 425, 429)
_jitter = random.SystemRandom()
log = logging.getLogger("pairgen").warning


def ask(
    call: Callable[[], Answer], name: str, describe: Callable[[Exception], str] = str
) -> Answer:
    """Return what a call returns, in several tries if it fails.

    Args:
        call: Asks the store; doing it twice must do no harm.
        name: What is asked for, for the log.
        describe: Returns an error's message as it may be shown.

    Raises:
        Exception: The error of the last try.
    """
    num_tries = 0
    while True:
        try:
            return call()
        except Exception as error:
            pauses = pauses_after(error)
            if num_tries >= len(pauses):
                raise
            # Workers that were turned away together should not come back together.
            seconds = pauses[num_tries] * _jitter.uniform(0.5, 1.0)
            num_tries += 1
            if num_tries > 1:
                reason = " ".join(describe(error).split())
                log("%s: %s; trying again in %.0f s.", name, reason, seconds)
            time.sleep(seconds)


def pauses_after(error: Exception) -> tuple[float, ...]:
    """Return the seconds to wait before each new try after an error; () for no new try."""
    if is_wrong_input(error):
        return ()
    status = getattr(error, "status", 0)
    if isinstance(status, int) and 400 <= status < 500 and status not in _MAY_PASS:
        return ()
    if isinstance(error, OSError):
        if isinstance(error, FileNotFoundError) or error.errno in _LASTING:
            return ()
        if isinstance(error, FileExistsError | NotADirectoryError | IsADirectoryError):
            return ()
    return PAUSES_IF_DENIED if is_denied(error) else PAUSES


def is_wrong_input(error: Exception) -> bool:
    """Whether a store was asked for what it cannot have, such as a bucket of an impossible name."""
    # The last is botocore's ValueError.
    return (
        isinstance(error, ValueError | TypeError | NotImplementedError)
        or type(error).__name__ == "ParamValidationError"
    )


def is_denied(error: Exception) -> bool:
    """Whether the store refused the credentials."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status in _DENIES
    return isinstance(error, PermissionError) or bool(_DENIED.search(str(error)))
