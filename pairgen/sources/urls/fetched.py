"""Files behind URLs that readers need as a whole: fetched once on each machine, into the cache.

These are Arrow files of saved datasets, which are mapped, and tars packed with gzip.
"""

import hashlib
import logging
import shutil
from pathlib import Path

from pairgen.sources.urls.path import UrlPath
from pairgen.sources.urls.whole_file import whole_file
from pairgen.wording import size_text

CACHE = "~/.cache/pairgen/fetched"
_CHUNK = 8 * 2**20
log = logging.getLogger("pairgen").warning


def fetched(path: UrlPath) -> Path:
    """Return the path of a copy in the cache.

    Raises:
        FileNotFoundError: There is no such object.
        OSError: There is no room for the copy, or the object cannot be read.
    """
    found = path.object
    facts = f"{path}\n{found.num_bytes}\n{found.tag}"
    name = hashlib.sha256(facts.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    target = Path(CACHE).expanduser() / f"{name}{path.suffix}"
    if not target.exists():
        log("Fetching %s (%s) into %s", path, size_text(found.num_bytes), target)
        with whole_file(target) as out, path.open() as file:
            shutil.copyfileobj(file, out, _CHUNK)
    return target
