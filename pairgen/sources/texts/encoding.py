"""Find out that a file is UTF-16 or UTF-32, whose lines and cells would all be refused."""

import codecs

from pairgen.errors import ConfigError
from pairgen.sources.paths import AnyPath

# Number of bytes to look at.
HEAD = 64
# The longer marks come first: that of UTF-32 begins as that of UTF-16.
MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def check_encoding(head: bytes, path: AnyPath) -> None:
    """Check the first bytes of a text file.

    Raises:
        ConfigError: They are UTF-16 or UTF-32, by their mark or by a NUL in every other byte.
    """
    named = next((name for mark, name in MARKS if head.startswith(mark)), "")
    odd, even = head[1:HEAD:2], head[0:HEAD:2]
    alternates = len(head) >= 4 and any(
        not any(nuls) and all(texts) for nuls, texts in ((odd, even), (even, odd))
    )
    if named or alternates:
        raise ConfigError(f"{path} is {named or 'UTF-16'}, not UTF-8: save it as UTF-8.")
