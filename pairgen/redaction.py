"""Cut secrets out of URLs, in any text that is stored, shown or logged.

`s3://KEY:SECRET@bucket/set?token=T` becomes `s3://***@bucket/set?***`. What only opens a folder
keeps the whole URL (`Store.address`); everything else gets it from here.
"""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

CUT = "***"
# A user without a password is a name there (of an account, of a container), not a token.
_NAMES_A_USER = ("abfs", "abfss", "hdfs", "sftp", "smb", "ssh", "wasb", "wasbs")
# A URL that was taken for a path has lost a slash.
_SCHEME = r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)(?P<slashes>://?)"
# A secret key of S3 may hold slashes, so a user with a password ends at the @, wherever that is.
_USER_AND_KEY = r"[^\s'\"`<>/:@]*:[^\s'\"`<>@]*@(?:[^\s'\"`<>/@]*@)*"
_USER = r"[^\s'\"`<>/?#@]+@"
_URL = re.compile(
    rf"{_SCHEME}(?:(?P<password>{_USER_AND_KEY})|(?P<user>{_USER}))?"
    r"(?P<rest>[^\s'\"`<>?]*)(?P<query>\?[^\s'\"`<>]*[^\s'\"`<>.,:;)])?"
)


def without_secrets(text: str) -> str:
    """Return a text with the user, password and query of every URL in it cut out."""
    return _URL.sub(_without_secrets, text) if ":/" in text else text


def is_cut(url: str) -> bool:
    """Whether something was cut out of a URL, so that it opens nothing."""
    return f"://{CUT}@" in url or f"?{CUT}" in url


def without_secrets_in(value: Any) -> Any:
    """Return plain data (mappings, lists, texts, numbers) with secrets cut out of its texts."""
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {name: without_secrets_in(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(without_secrets_in(each) for each in value)
    return value


def without_secrets_of(url: str, text: str) -> str:
    """Return a text, written by who was given `url`, without the secrets of that URL.

    A client library may name the key alone, as it stood in the URL or decoded.
    """
    for secret in _secrets(url):
        text = text.replace(secret, CUT)
    return without_secrets(text)


def _secrets(url: str) -> list[str]:
    """Return the parts that are cut out of a URL, the longest first."""
    found: set[str] = set()
    for match in _URL.finditer(url):
        if match["password"]:
            found.update(match["password"].removesuffix("@").split(":", 1))
        if match["query"]:
            query = urlsplit(match["query"]).query
            found.update(part.partition("=")[2] for part in query.split("&"))
    found |= {unquote(secret) for secret in found}
    # Shorter ones would cut up ordinary words.
    return sorted((secret for secret in found if len(secret) >= 4), key=len, reverse=True)


def _without_secrets(match: re.Match[str]) -> str:
    user = match["user"] or ""
    if match["password"] or (user and match["scheme"].lower() not in _NAMES_A_USER):
        user = f"{CUT}@"
    query = f"?{CUT}" if match["query"] else ""
    return f"{match['scheme']}{match['slashes']}{user}{match['rest']}{query}"
