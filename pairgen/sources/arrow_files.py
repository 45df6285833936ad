"""What is raised when a damaged Arrow file is read."""

import pyarrow as pa

# OSError for damaged metadata, KeyError for a column of another name, ValueError for texts that are
# not UTF-8, the others for sizes and indices that cannot be.
UNREADABLE = (
    pa.ArrowException,
    OSError,
    KeyError,
    ValueError,
    IndexError,
    OverflowError,
    MemoryError,
    SystemError,
)


def is_damage(error: Exception) -> bool:
    """Whether one of `UNREADABLE` tells of the file itself, not of the disk or its permissions."""
    # pyarrow gives errors about the content no number.
    return not isinstance(error, OSError) or error.errno is None
