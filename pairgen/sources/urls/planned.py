"""Objects behind URLs as they were planned: a changed one is never read as if it were the same."""

import time

from pairgen.errors import ConfigError
from pairgen.sources.urls.addresses import address_of
from pairgen.sources.urls.objects import RemoteObject, find_entry
from pairgen.sources.urls.path import UrlPath

# A tar or table is looked at again after this time.
SECONDS_BETWEEN_LOOKS = 10.0
_looked: dict[UrlPath, float] = {}


def planned_path(container: str, num_bytes: int, tag: str) -> UrlPath:
    """Return a recorded object, which is taken to be as it was.

    Raises:
        ConfigError: Its URL was recorded without its secrets, and nobody has given them.
    """
    return UrlPath(address_of(container), planned=RemoteObject(num_bytes, tag))


def check_unchanged(path: UrlPath, is_alone: bool) -> None:
    """Check that an object is what was planned.

    Args:
        path: From `planned_path`.
        is_alone: Whether it is one image. One that has changed costs its samples; of a tar or
            table, which would cost all of its samples, the run ends.

    Raises:
        FileNotFoundError: An image no longer exists.
        OSError: An image has changed.
        ConfigError: A tar or table has changed or no longer exists.
        StoreError: The store does not answer.
    """
    now = time.monotonic()
    if not is_alone and now - _looked.get(path, -SECONDS_BETWEEN_LOOKS) < SECONDS_BETWEEN_LOOKS:
        return
    entry = find_entry(path.address)
    found = None if entry is None or entry.is_folder else entry.object
    if found == path.object:
        if not is_alone:
            _looked[path] = now
        return
    became = f"it is {found} now" if found else "it is gone"
    told = f"{path} has changed: it was planned with {path.object}, {became}"
    if is_alone:
        raise OSError(told)
    raise ConfigError(f"{told}. Put it back, or make a new set of what there is now.")
