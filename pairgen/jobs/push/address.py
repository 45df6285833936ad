"""Addresses on the hub: `hf://datasets/OWNER/NAME` and `hf://OWNER/NAME`."""

import re
from dataclasses import dataclass

from pairgen.errors import ConfigError

DATASET, MODEL = "dataset", "model"
_PART = r"[A-Za-z0-9](?:[\w.-]{0,94}[A-Za-z0-9_])?"
_ADDRESS = re.compile(rf"hf://(?P<datasets>datasets/)?(?P<repo_id>{_PART}/{_PART})/?", re.ASCII)


@dataclass(frozen=True)
class Address:
    """A repository on the hub.

    Attributes:
        repo_type: `dataset` or `model`.
        repo_id: `OWNER/NAME`.
    """

    repo_type: str
    repo_id: str

    @property
    def url(self) -> str:
        """The address as the user gives it."""
        return f"hf://{'datasets/' if self.repo_type == DATASET else ''}{self.repo_id}"


def parse_address(text: str) -> Address:
    """Return the repository that a user names.

    Raises:
        ConfigError: The text is no address of a repository.
    """
    match = _ADDRESS.fullmatch(text)
    # A model repository of the owner `datasets` cannot be: the hub keeps that name.
    if match is None or (not match["datasets"] and match["repo_id"].startswith("datasets/")):
        raise ConfigError(
            f"push goes to hf://datasets/OWNER/NAME (a dataset) or hf://OWNER/NAME (a run), got "
            f"{text!r}."
        )
    return Address(DATASET if match["datasets"] else MODEL, match["repo_id"])
