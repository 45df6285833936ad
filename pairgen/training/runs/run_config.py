"""The file of a run that holds every option: written before the first step, read to go on."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pairgen.config import read_yaml
from pairgen.errors import ConfigError
from pairgen.model_config import RUN_FILE
from pairgen.options import names
from pairgen.redaction import without_secrets_in
from pairgen.regular_file import read_regular
from pairgen.training.options import TrainConfig
from pairgen.untrusted.sealed import OWN_SHA256

# The last line, with the SHA-256 of all before it; a comment, so that the file serves as --config.
SEAL = f"# {OWN_SHA256}: ".encode()
# Left where a process was killed as it wrote.
PARTIAL = f".{RUN_FILE}.partial"


def write_config(config: TrainConfig, folder: Path) -> None:
    """Write every option of the run."""
    options = without_secrets_in(config.plain(without=names(TrainConfig, "run")))
    text = yaml.safe_dump(plain(options), sort_keys=False, allow_unicode=True).encode()
    seal = SEAL + hashlib.sha256(text).hexdigest().encode() + b"\n"
    partial = folder / PARTIAL
    partial.write_bytes(text + seal)
    partial.replace(folder / RUN_FILE)


def read_run_config(folder: Path) -> dict[str, Any]:
    """Return the options of a run; those of old ones have no hash of themselves.

    Raises:
        ConfigError: The file cannot be read, or was altered.
    """
    path = folder / RUN_FILE
    found = read_yaml(path)
    text, seal, sha256 = read_regular(path).rpartition(SEAL)
    if seal and hashlib.sha256(text).hexdigest().encode() + b"\n" != sha256:
        raise ConfigError(
            f"{path} was altered: its content does not match its own SHA-256. Put the original "
            "back, or remove the last line to continue with what it says now."
        )
    return found


def plain(value: Any) -> Any:
    """Convert tuples to lists, recursively: what YAML gives back."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value
