"""Who is told how a command goes on."""

import logging
from collections.abc import Callable

from pairgen.redaction import without_secrets

Say = Callable[[str], None]


def log(message: str) -> None:
    """Tell how a command goes on, where nobody else is to be told."""
    logging.getLogger("pairgen").info("%s", without_secrets(message))
