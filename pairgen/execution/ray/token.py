"""The user's token, by which Ray protects clusters, where Ray itself looks for it."""

import os
from pathlib import Path

# Ray's own file, and that of the machines of a cluster.
AUTH_FILE = "~/.ray/auth_token"


def has_token() -> bool:
    """Whether the user has a token, or names a file for one."""
    named = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    return bool(named) or Path(AUTH_FILE).expanduser().is_file()


def read_token() -> str:
    """Return the user's token; empty if there is none."""
    if given := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return given
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or AUTH_FILE).expanduser()
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
