"""Resolve a URL from the command line: a file, a folder, a pattern, or braces for several."""

import re
from pathlib import PurePosixPath

from pairgen.errors import ConfigError
from pairgen.filesystems import WEB, check_uncut, protocol_of
from pairgen.redaction import CUT, url_without_secrets
from pairgen.sources.urls.braces import expanded
from pairgen.sources.urls.objects import folder_of, list_matches
from pairgen.sources.urls.path import Listings, UrlPath
from pairgen.sources.urls.threads import in_threads

# Two colons alone may stand in an IPv6 address, or in the name of an object.
_CHAINED = re.compile(r"::[A-Za-z][A-Za-z0-9+.\-]*:/")


def has_pattern(url: str) -> bool:
    """Whether a URL names what matches it; behind a web server, none does."""
    return protocol_of(url) not in WEB and any(mark in url for mark in "*?[")


def matching_urls(url: str) -> list[UrlPath]:
    """Return what a URL names, in order; the matches of a pattern are sorted.

    Raises:
        ConfigError: There is nothing of that name, it may not be read, or its protocol is unknown.
        StoreError: The store does not answer.
    """
    check_uncut(url)
    listings = Listings()
    paths = [UrlPath(each, listings) for each in _checked(expanded(url))]
    # What each is, is known afterwards.
    are_there = list(in_threads(UrlPath.exists, paths))
    found: list[UrlPath] = []
    for path, is_there in zip(paths, are_there, strict=True):
        matches = [path] if is_there else _matches(path.address, listings)
        if not matches:
            what = "matches" if has_pattern(path.address) else "is at"
            raise ConfigError(f"Nothing {what} {str(path)!r}: no such object or folder.")
        found += matches
    return found


def name_of_url(url: str) -> str:
    """Return the last part of a URL, without secrets."""
    return UrlPath(url_without_secrets(url)).name.removeprefix(f"{CUT}@").removesuffix(f"?{CUT}")


def _checked(urls: list[str]) -> list[str]:
    for url in urls:
        if _CHAINED.search(url):
            raise ConfigError(
                f"{url_without_secrets(url)!r} is a chain of URLs, which is not taken: give one."
            )
        plain = url.partition("?")[0]
        if protocol_of(url) in WEB and ("*" in plain or plain.endswith("/")):
            raise ConfigError(
                f"{url_without_secrets(url)!r} names a folder or pattern, but web servers list "
                "nothing: name files, several by braces such as {00000..00009}.tar."
            )
    return urls


def _matches(pattern: str, listings: Listings) -> list[UrlPath]:
    """Return the matches of a pattern, without hidden files, as those of a local one."""
    if not has_pattern(pattern):
        return []
    takes_hidden = PurePosixPath(pattern).name.startswith(".")
    fixed = set(pattern.split("/"))
    found = []
    folder = folder_of(pattern)
    for address in list_matches(pattern):
        parts = address.split("/")
        if not takes_hidden and any(p.startswith(".") and p not in fixed for p in parts):
            continue
        path = UrlPath(address, listings, given=folder)
        # Lists its folder once, for what may lie beside it.
        path.parent.names()
        found.append(path)
    return found
