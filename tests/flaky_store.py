"""An object store that now and then cannot be asked: `flaky://`."""

from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class FlakyFileSystem(MemoryFileSystem):
    """Files in memory; every k-th call fails, as the clients of real stores do.

    Attributes:
        every: k; 0 for never.
        after: Whether a call fails when its deed is done, as where the answer is lost.
        num_calls: So far.
    """

    protocol = "flaky"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    every: ClassVar[int] = 0
    after: ClassVar[bool] = False
    num_calls: ClassVar[int] = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("flaky://").strip("/")

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        kind = type(self)
        kind.num_calls += 1
        fails = kind.every > 0 and kind.num_calls % kind.every == 0
        # Most runs end at their first failure, so the kind of it follows from k. Not every client
        # raises OSError.
        error = (
            ConnectionResetError("connection reset by peer"),
            PermissionError("ExpiredToken"),
            RuntimeError("SlowDown: 503"),
        )[kind.every % 3]
        if fails and not kind.after:
            raise error
        result = getattr(super(), name)(*args, **kwargs)
        if fails:
            raise error
        return result


def _counted(name: str) -> Any:
    def call(self: FlakyFileSystem, *args: Any, **kwargs: Any) -> Any:
        return self._call(name, *args, **kwargs)

    return call


for _name in ("info", "ls", "cat_file", "get_file", "pipe_file", "put_file", "rm_file"):
    setattr(FlakyFileSystem, _name, _counted(_name))


def install() -> type[FlakyFileSystem]:
    """Make `flaky://` known to fsspec, empty and without faults."""
    fsspec.register_implementation("flaky", FlakyFileSystem, clobber=True)
    FlakyFileSystem.store.clear()
    FlakyFileSystem.every = FlakyFileSystem.num_calls = 0
    FlakyFileSystem.after = False
    return FlakyFileSystem


def contents(under: str) -> dict[str, bytes]:
    """Return the content of every file whose path begins so."""
    files = FlakyFileSystem.store.items()
    return {path: file.getvalue() for path, file in files if path.startswith(under)}
