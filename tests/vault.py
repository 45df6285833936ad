"""A store whose URLs carry secrets, for commands in processes of their own: `vault://K:S@set?t=T`.

`python -m tests.vault` reads lists of arguments, as JSON, and runs `pairgen` with each; it prints
their exit codes. Files lie below VAULT_ROOT.
"""

import json
import os
import re
import sys
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


if __name__ == "__main__":
    install()
    from pairgen.cli import main

    codes = []
    for arguments in json.load(sys.stdin):
        sys.argv = ["pairgen", *arguments]
        try:
            main()
        except SystemExit as end:
            codes.append(int(end.code or 0))
    sys.stdout.write(f"\n{json.dumps(codes)}\n")
