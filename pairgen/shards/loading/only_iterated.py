"""What a loader answers when a torch `DataLoader` asks it for samples."""

from typing import Any, Never

from pairgen.errors import ConfigError

ITERATE = (
    "A pairgen.Loader gives whole batches and reads them in threads of its own: iterate it "
    "directly, `for batch in loader`, without a torch DataLoader."
)


class NotForDataLoaderError(ConfigError):
    """A loader was given to a torch `DataLoader`.

    Args:
        _: Ignored: a worker of the DataLoader raises the error again with its traceback as message.
    """

    def __init__(self, _: Any = None) -> None:
        super().__init__(ITERATE)


class OnlyIterated:
    """Something that is iterated, and neither indexed nor sent to other processes."""

    def __getitem__(self, _: Any) -> Never:
        """Refuse: a DataLoader indexes what it is given.

        Raises:
            NotForDataLoaderError: Always.
        """
        raise NotForDataLoaderError

    def __reduce__(self) -> Never:
        """Refuse: a DataLoader with workers may send what it is given to them.

        Raises:
            NotForDataLoaderError: Always.
        """
        raise NotForDataLoaderError
