"""URLs with their secrets, by the form without secrets that is recorded.

A list of images names its objects without secrets. Who reads them needs the full URL: it is kept in
memory only, and travels to workers with their job.
"""

from collections.abc import Mapping, Sequence

from pairgen.errors import ConfigError
from pairgen.filesystems import is_url
from pairgen.redaction import is_cut, url_without_secrets
from pairgen.sources.urls.braces import expanded
from pairgen.sources.urls.path import UrlPath

_addresses: dict[str, str] = {}


def recorded(path: UrlPath) -> str:
    """Return a URL as it may be stored, and remember the full one if something is cut."""
    shown = path.without_secrets
    if shown != path.address:
        _addresses[shown] = path.address
    return shown


def address_of(shown: str) -> str:
    """Return the full URL of a recorded one.

    Raises:
        ConfigError: It was recorded without its secrets, and nobody has given them.
    """
    if shown in _addresses:
        return _addresses[shown]
    if is_cut(shown):
        raise ConfigError(
            f"{shown!r} was recorded without its secrets, which pairgen never stores: run the "
            "command that made the set again, with the full URL as --images."
        )
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
        shown = url_without_secrets(address)
        if seen.setdefault(shown, address) != address:
            raise ConfigError(
                f"Two URLs are both recorded as {shown!r}, because what may be a secret is cut: "
                "give their objects under different names."
            )
