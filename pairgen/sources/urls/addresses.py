"""URLs with their secrets, by the form without secrets that is recorded.

A list of images names its objects without secrets. Who reads them needs the full URL: it is kept in
memory only, and travels to workers with their job.
"""

from collections.abc import Mapping, Sequence

from pairgen.errors import ConfigError
from pairgen.filesystems import check_uncut, is_url
from pairgen.redaction import url_without_secrets
from pairgen.sources.urls.braces import expanded

_addresses: dict[str, str] = {}


def recorded(address: str) -> str:
    """Return a URL as it may be stored, and remember the full one if something is cut."""
    shown = url_without_secrets(address)
    if shown != address:
        _addresses[shown] = address
    return shown


def address_of(shown: str) -> str:
    """Return the full URL of a recorded one.

    Raises:
        ConfigError: It was recorded without its secrets, and nobody has given them.
    """
    if shown in _addresses:
        return _addresses[shown]
    check_uncut(shown)
    return shown


def known_addresses() -> dict[str, str]:
    """Return all full URLs that are remembered, by their recorded form."""
    return dict(_addresses)


def remember(addresses: Mapping[str, str]) -> None:
    """Remember the full URLs that another process knows."""
    _addresses.update(addresses)


def check_apart(values: Sequence[str]) -> None:
    """Check that no two URLs would be recorded alike.

    Raises:
        ConfigError: Two differ only in what is cut.
    """
    seen: dict[str, str] = {}
    for address in (each for value in values if is_url(value) for each in expanded(value)):
        _add(seen, url_without_secrets(address), address)


class RecordedObjects:
    """Objects that are recorded one after the other, no two of them alike."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def add(self, shown: str) -> None:
        """Take the object that was recorded last, which may lie in a folder that was listed.

        Raises:
            ConfigError: Another one was recorded alike, as `a?1.png` and `a?2.png` are.
        """
        if shown in _addresses:
            _add(self._seen, shown, _addresses[shown])


def _add(seen: dict[str, str], shown: str, address: str) -> None:
    if seen.setdefault(shown, address) != address:
        raise ConfigError(
            f"Two URLs are both recorded as {shown!r}, because what may be a secret is cut: "
            "give their objects under different names."
        )
