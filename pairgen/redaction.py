"""Cut secrets out of URLs, in any text that is stored, shown or logged.

`s3://KEY:SECRET@bucket/set?token=T` becomes `s3://***@bucket/set?***`. Code that opens a folder
keeps the full URL (`Store.address`); everything else uses the redacted one.
"""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

CUT = "***"
# In these schemes, a user without a password is a name (of an account or container), not a token.
_NAMES_A_USER = ("abfs", "abfss", "hdfs", "sftp", "smb", "ssh", "wasb", "wasbs")
# A URL that was treated as a path has lost a slash; JSON may have escaped slashes.
_SCHEME = r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)(?P<slashes>:(?:\\?/){1,3})"
# S3 secret keys contain slashes, and passwords anything: a user with one ends at the last @.
_USER_AND_KEY = r"[^\s/:@]*:(?:[^\s@]*@)+"
_USER = r"[^\s'\"`<>/?#@]+@"
_END = r"[^\s'\"`<>.,:;)\]]"
_URL = re.compile(
    rf"{_SCHEME}(?:(?P<password>{_USER_AND_KEY})|(?P<user>{_USER}))?"
    rf"(?P<rest>[^\s'\"`<>?#]*)(?P<query>[?#](?:(?<=\?)|(?=\S*=))\S*{_END})?"
)
# For text that consists of one URL: no other character ends it.
_ONE_URL = re.compile(
    rf"(?P<outer>(?:[\w+.\-]+::)*){_SCHEME}(?!/)"
    r"(?:(?P<password>[^/:@]*:.*@)|(?P<user>[^/?#@]+@))?"
    r"(?P<rest>[^?#]*)(?P<query>\?.*|#.*=.*)?",
    re.DOTALL,
)


def without_secrets(text: str) -> str:
    """Cut the user, password, query and fragment out of every URL in a text."""
    return _URL.sub(_without_secrets, text) if ":" in text else text


def url_without_secrets(url: str) -> str:
    """Cut the user, password, query and fragment out of a URL, whatever they contain."""
    match = _ONE_URL.fullmatch(url)
    return url if match is None else match["outer"] + _without_secrets(match)


def listed_without_secrets(values: Iterable[str]) -> str:
    """Return paths and URLs in one text, as a message lists what the user gave.

    In the text, `without_secrets` no longer knows where a URL with spaces or quotes ends.
    """
    return ", ".join(map(url_without_secrets, values))


def is_cut(url: str) -> bool:
    """Return whether something was cut out of a URL, so that it cannot be opened."""
    return f"://{CUT}@" in url or f"?{CUT}" in url


def without_secrets_in(value: Any) -> Any:
    """Cut secrets out of all texts in plain data (mappings, lists, texts, numbers)."""
    if isinstance(value, str):
        return without_secrets(url_without_secrets(value))
    if isinstance(value, dict):
        return {name: without_secrets_in(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(without_secrets_in(each) for each in value)
    return value


def without_secrets_of(url: str, text: str) -> str:
    """Cut the secrets of `url` out of a text by a library that was given the URL.

    A client library may quote only the key, as it is in the URL or decoded.
    """
    for secret in _secrets(url):
        text = text.replace(secret, CUT)
    return without_secrets(text)


def _secrets(url: str) -> list[str]:
    """Return the secret parts of a URL, longest first."""
    found: set[str] = set()
    if match := _ONE_URL.fullmatch(url):
        if match["password"]:
            found.update(match["password"].removesuffix("@").split(":", 1))
        if match["query"]:
            found.update(part.partition("=")[2] for part in match["query"][1:].split("&"))
    found |= {unquote(secret) for secret in found}
    # Shorter ones could be part of ordinary words.
    return sorted((secret for secret in found if len(secret) >= 4), key=len, reverse=True)


def _without_secrets(match: re.Match[str]) -> str:
    user = match["user"] or ""
    if match["password"] or (user and match["scheme"].lower() not in _NAMES_A_USER):
        user = f"{CUT}@"
    query = f"?{CUT}" if match["query"] else ""
    return f"{match['scheme']}{match['slashes']}{user}{match['rest']}{query}"
