"""Where a command's messages go."""

import logging
from collections.abc import Callable

from pairgen.redaction import without_secrets
from pairgen.visible import visible

Say = Callable[[str], None]


def log(message: str) -> None:
    """Log a message; the default if no other `say` is given."""
    logging.getLogger("pairgen").info("%s", visible(without_secrets(message)))
