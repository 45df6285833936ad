"""A store whose URLs carry secrets: `vault://KEY:SECRET@set?token=TOKEN`.

Files lie below VAULT_ROOT.
"""

import os
import re
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem


class VaultFileSystem(LocalFileSystem):
    """Files on the disk; who asks without the right secrets is refused, and they are repeated."""

    protocol = "vault"

    def __init__(self, **options: Any) -> None:
        super().__init__(auto_mkdir=True, **options)

    @classmethod
    def _strip_protocol(cls, path: str, *_: Any) -> str:
        if "://" not in str(path):
            return str(path)
        found = re.fullmatch(r"vault://([^:]+):(.+)@([^@?]+)\?token=(.+)", str(path))
        if found is None:
            raise ValueError(f"no key, secret and token in {path}")
        return os.path.join(os.environ["VAULT_ROOT"], found[3].strip("/"))

    def cat_file(self, path: str, *args: Any, **options: Any) -> bytes:
        if "unreadable" in path:
            # As a client of a real store does: the key alone, without a URL around it.
            raise PermissionError(f"InvalidAccessKeyId: {os.environ['VAULT_SAYS']} is unknown")
        return super().cat_file(path, *args, **options)


def install() -> None:
    """Make `vault://` known to fsspec."""
    fsspec.register_implementation("vault", VaultFileSystem, clobber=True)
