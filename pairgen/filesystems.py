"""Open file systems behind URLs, through fsspec. Local paths never load it."""

import re
from typing import Any

from pairgen.errors import ConfigError, StoreError, short
from pairgen.redaction import is_cut, url_without_secrets, without_secrets_of

# Protocols without listings.
WEB = ("http", "https")
# The extra of pairgen that brings the package for a protocol.
EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "azure"),
    **dict.fromkeys(WEB, "http"),
}
# Without a byte for this time, a web server is asked again; its client would wait for five minutes.
WEB_SILENCE = 30.0
_URL = re.compile(r"(?P<protocol>[A-Za-z][A-Za-z0-9+.\-]*)://")
# Such as `simplecache::s3://bucket/a`, which is opened by fsspec's own rules.
_CHAIN = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*::")
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
        if _CHAIN.match(url):
            chained: tuple[Any, str] = fsspec.core.url_to_fs(url)
            return chained
        # `url_to_fs` takes two colons in the name of an object for a chain of URLs.
        kind = fsspec.get_filesystem_class(protocol_of(url))
        options = {**kind._get_kwargs_from_urls(url), **_web_options(url)}
        filesystem = fsspec.filesystem(protocol_of(url), **options)
        path = kind._strip_protocol(url)
    except (ValueError, ImportError) as error:
        reason = without_secrets_of(url, str(error)).rstrip(".")
        extra = EXTRAS.get(protocol_of(url), "") if isinstance(error, ImportError) else ""
        remedy = f": pip install 'pairgen[{extra}]'" if extra else ""
        raise ConfigError(f"{shown!r} cannot be opened: {reason}{remedy}.") from None
    except Exception as error:
        # Some clients connect immediately.
        reason = short(without_secrets_of(url, f"{type(error).__name__}: {error}"))
        # A protocol that is no use by itself, such as `reference`, lacks arguments.
        kind_of_error = ConfigError if isinstance(error, TypeError | AttributeError) else StoreError
        raise kind_of_error(f"{shown!r} cannot be opened: {reason}.") from None
    return filesystem, path


def _web_options(url: str) -> dict[str, Any]:
    """Return options of the client of a web server; what fsspec was configured with comes first."""
    if protocol_of(url) not in WEB:
        return {}
    import aiohttp
    from fsspec.config import conf

    timeout = aiohttp.ClientTimeout(total=300, sock_connect=WEB_SILENCE, sock_read=WEB_SILENCE)
    options: dict[str, Any] = {"timeout": timeout}
    for each in WEB:
        options.update(conf.get(each, {}).get("client_kwargs", {}))
    return {"client_kwargs": options}
