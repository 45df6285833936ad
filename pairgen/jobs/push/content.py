"""What is pushed: files with their places in the repository, and what of them is new there."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pairgen.regular_file import sha256_of
from pairgen.types import Plan


@dataclass(frozen=True)
class PushedFile:
    """A file, on this machine or made for the push.

    Attributes:
        path: Its path in the repository.
        content: The file, or its bytes.
        sha256: SHA-256 of its content in hex, if it is known without reading; else empty.
    """

    path: str
    content: Path | bytes
    sha256: str = ""

    @property
    def num_bytes(self) -> int:
        """Its size."""
        if isinstance(self.content, bytes):
            return len(self.content)
        return self.content.stat().st_size

    def read(self) -> bytes:
        """Return its bytes."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


@dataclass(frozen=True)
class Standing:
    """A file in a repository.

    Attributes:
        num_bytes: Its size.
        sha256: SHA-256 of its content in hex; empty for a file that git keeps itself.
        git_oid: Git's name of its blob; of a file with a SHA-256, it is that of a pointer.
    """

    num_bytes: int
    sha256: str
    git_oid: str


@dataclass(frozen=True)
class Content:
    """All that a push makes a repository hold.

    Attributes:
        files: The files, in the order in which they are sent: an interrupted push leaves what the
            next one continues.
        folders: Folders that hold nothing else.
        plan: The plan of a dataset, of all sub-sets together; None for a run.
        plan_path: Path of the file that holds the plan; empty for a run.
        whole: Whether other files in the folders are left over, and removed. Those beside a part
            of a dataset may be the other parts.
    """

    files: tuple[PushedFile, ...]
    folders: tuple[str, ...]
    plan: Plan | None = None
    plan_path: str = ""
    whole: bool = True

    def changed(self, standing: Mapping[str, Standing]) -> list[PushedFile]:
        """Return the files that a repository lacks, or has with another content."""
        return [each for each in self.files if not _is_there(each, standing.get(each.path))]

    def others(self, standing: Iterable[str]) -> list[str]:
        """Return the files of a repository that stand where only those pushed may, sorted."""
        kept = {each.path for each in self.files}
        inside = tuple(f"{folder}/" for folder in self.folders)
        return sorted(path for path in standing if path.startswith(inside) and path not in kept)


def _is_there(file: PushedFile, standing: Standing | None) -> bool:
    if standing is None or standing.num_bytes != file.num_bytes:
        return False
    if standing.sha256:
        return standing.sha256 == (file.sha256 or _sha256(file))
    return standing.git_oid == git_oid(file.read())


def _sha256(file: PushedFile) -> str:
    if isinstance(file.content, bytes):
        return hashlib.sha256(file.content).hexdigest()
    return sha256_of(file.content)


def git_oid(content: bytes) -> str:
    """Return git's name of a blob with this content."""
    head = f"blob {len(content)}\0".encode()
    # Git's own choice, which keeps no secret here.
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()
