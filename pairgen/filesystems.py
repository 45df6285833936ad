"""Open file systems behind URLs, through fsspec. Local paths never load it."""

import re
from typing import Any

from pairgen.errors import ConfigError, StoreError
from pairgen.redaction import is_cut, url_without_secrets, without_secrets_of

# The extra of pairgen that brings the package for a protocol.
EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "azure"),
    **dict.fromkeys(("http", "https"), "http"),
}
_URL = re.compile(r"(?P<protocol>[A-Za-z][A-Za-z0-9+.\-]*)://")
_LOCAL = re.compile(r"(?:file|local):(?://(?:localhost(?=/))?)?", re.IGNORECASE)


def is_url(text: str) -> bool:
    """Whether a text begins as a URL does, that of a local path included."""
    return _URL.match(text) is not None


def without_file_scheme(text: str) -> str:
    """Return `file:///a` as `/a`; any other text as it is."""
    found = _LOCAL.match(text)
    return text[found.end() :] if found else text


def protocol_of(url: str) -> str:
    """Return the protocol of a URL in lower case; empty for a path."""
    found = _URL.match(url)
    return found["protocol"].lower() if found else ""


def check_uncut(url: str) -> None:
    """Refuse a URL that was recorded without its secrets.

    Raises:
        ConfigError: It is one.
    """
    if is_cut(url):
        raise ConfigError(
            f"{url_without_secrets(url)!r} was recorded without its secrets, which pairgen never "
            "stores: give the full URL again, or put the secrets into the environment."
        )


def open_filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path of the URL in it.

    Raises:
        ConfigError: The protocol is unknown, or its package is not installed.
        StoreError: The file system cannot be reached.
    """
    import fsspec

    shown = url_without_secrets(url)
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:
        reason = without_secrets_of(url, str(error)).rstrip(".")
        extra = EXTRAS.get(protocol_of(url), "") if isinstance(error, ImportError) else ""
        remedy = f": pip install 'pairgen[{extra}]'" if extra else ""
        raise ConfigError(f"{shown!r} cannot be opened: {reason}{remedy}.") from None
    except Exception as error:
        # Some clients connect immediately.
        reason = without_secrets_of(url, f"{type(error).__name__}: {error}")
        raise StoreError(f"{shown!r} cannot be opened: {reason}.") from None
    return filesystem, path
