"""What a folder of restored pictures holds beside them: how they were made, and their receipts."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.shards.format import layout
from pairgen.shards.storage.store import Store
from pairgen.types import canonical_json

RECORD = "__meta__/restore.json"
RECEIPTS = "__meta__/pictures"


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """How a result was made; it is written after the result.

    Attributes:
        image: Name of the picture.
        image_sha256: SHA-256 of its file, in hex.
        prompt: The prompt; or, where each of several tiles has its own, theirs, row by row.
        fingerprint: SHA-256 of model, tagger and options.
        sha256: SHA-256 of the result.
        num_bytes: Bytes of the result.
        size_px: Width and height of the result.
        made: Device, versions, threads and seconds.
    """

    image: str
    image_sha256: str
    prompt: str | Sequence[str]
    fingerprint: str
    sha256: str
    num_bytes: int
    size_px: tuple[int, int]
    made: Mapping[str, Any]


def fingerprint_of(identity: Mapping[str, Any]) -> str:
    """Return the SHA-256 of model and options, in hex."""
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()


def begin(store: Store, identity: Mapping[str, Any], names: Sequence[str]) -> None:
    """Write model and options, or check that a folder has the same.

    Args:
        store: The folder.
        identity: Model and options, plain data.
        names: Paths of all results.

    Raises:
        PlanMismatchError: The folder holds results of another model or other options.
        ConfigError: The folder holds something else, or its record cannot be read.
    """
    try:
        held = json.loads(store.read_bytes(RECORD))["identity"]
        differing = _differing(held, identity)
    except FileNotFoundError:
        _check_free(store, names)
        store.put_bytes(RECORD, _as_json({"identity": identity}))
        return
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{RECORD} of {store.url} cannot be read: give another --out.") from None
    if differing:
        raise PlanMismatchError(
            f"{store.url} holds pictures that were restored with other options; now you ask for: "
            f"{', '.join(differing)}. Give another --out."
        )


def _differing(held: Mapping[str, Any], identity: Mapping[str, Any]) -> list[str]:
    """Return what differs between two identities, in words."""
    # As it is read: JSON has no tuples.
    asked = json.loads(canonical_json(identity))
    names = [name for name in {**asked, **held} if asked.get(name) != held.get(name)]
    return [
        f"{'another' if name in asked else 'no'} {name}"
        if name in ("model", "tagger")
        else f"{name} {asked.get(name)!r} (there: {held.get(name)!r})"
        for name in names
    ]


def _check_free(store: Store, names: Sequence[str]) -> None:
    """Refuse a folder that holds a dataset, or files that results would replace."""
    if store.exists(layout.PLAN):
        raise ConfigError(f"{store.url} holds a dataset: give another --out.")
    foreign = [name for name in names if store.exists(name)]
    if foreign:
        raise ConfigError(
            f"{store.url} holds files that pairgen did not make and would overwrite "
            f"({', '.join(foreign[:3])}): give another --out."
        )


def receipt_path(name: str) -> str:
    """Return the path of the receipt of a result."""
    return f"{RECEIPTS}/{name}.json"


def write_receipt(store: Store, name: str, receipt: Receipt) -> None:
    """Write the receipt of a result."""
    store.put_bytes(receipt_path(name), _as_json(asdict(receipt)))


def stands(store: Store, name: str, wanted: Mapping[str, str]) -> bool:
    """Whether a result stands that was made as wanted.

    Args:
        store: The folder.
        name: Path of the result.
        wanted: Values of its receipt.
    """
    try:
        receipt = json.loads(store.read_bytes(receipt_path(name)))
        has_all = all(receipt[key] == value for key, value in wanted.items())
        return has_all and store.size(name) == receipt["num_bytes"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def _as_json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()
