"""A JSON text that ends with the SHA-256 of all before it, so that any other byte is found."""

import hashlib

from pairgen.untrusted.malformed import MalformedError

OWN_SHA256 = "own_sha256"


def sealed(text: bytes) -> bytes:
    """Return the text of a JSON object with its SHA-256 as the last member."""
    return text[:-1] + _seal(hashlib.sha256(text).hexdigest())


def check_seal(text: bytes, own_sha256: object) -> None:
    """Check a text that holds the SHA-256 of itself.

    Raises:
        MalformedError: It was altered.
    """
    seal = _seal(str(own_sha256))
    before = hashlib.sha256(text[: -len(seal)] + b"}").hexdigest()
    if not text.endswith(seal) or before != own_sha256:
        raise MalformedError("its content does not match its own SHA-256")


def _seal(sha256: str) -> bytes:
    return f', "{OWN_SHA256}": "{sha256}"}}'.encode("utf-8", "replace")
