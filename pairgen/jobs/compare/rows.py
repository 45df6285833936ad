"""The rows of a comparison on disk: a folder each, written whole or not at all.

rows/SLOT/row.json              what it is, what its figures depend on, the figures; the SHA-256 of
                                all this, and of the files below
rows/SLOT/scores.safetensors    figures of each pair, [N]; `features`, [N, 64]
rows/SLOT/pictures/KEY.png      images to show, by the keys of their pairs
"""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load, save

import pairgen
from pairgen.drawing.pictures import encode_png
from pairgen.execution.say import Say
from pairgen.jobs.compare.planned import Comparison, Found, Planned
from pairgen.redaction import without_secrets_in
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import canonical_json

ROWS = "rows"
ROW_FILE, SCORES_FILE = "row.json", "scores.safetensors"
# In the file of scores, and in row.json.
FEATURES, SHA256 = "features", "sha256"
# What reading a damaged row raises.
UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, SafetensorError)


@dataclass(frozen=True)
class Row:
    """A row that stands.

    Attributes:
        slot: Name of its folder.
        facts: Content of row.json.
        scores: Figures of each pair by name, [N] each.
        features: The judge's features of the images, [N, 64].
        pictures: Images to show by what they are, [P, H, W, 3] uint8 each.
    """

    slot: str
    facts: Mapping[str, Any]
    scores: Mapping[str, NDArray[np.float64]]
    features: NDArray[np.float32]
    pictures: Mapping[str, np.ndarray]

    def is_of(self, planned: Planned) -> bool:
        """Whether it is what is planned, wherever it was made."""
        return canonical_json(self.facts["identity"]) == canonical_json(
            without_secrets_in(_identity(planned))
        )


def write_row(store: LocalStore, planned: Planned, comparison: Comparison, found: Found) -> None:
    """Write a row in place of what stands in its folder."""
    folder = f"{ROWS}/{planned.slot}"
    # What is written below belongs to another row until its facts are there.
    _make_way(store.root / folder / ROW_FILE)
    store.remove(f"{folder}/{ROW_FILE}")
    arrays = {name: np.ascontiguousarray(each) for name, each in found.scores.items()}
    files = {SCORES_FILE: save({**arrays, FEATURES: found.features})}
    keys = comparison.shared["keys"]
    for name, pictures in found.pictures.items():
        for key, picture in zip(keys, pictures, strict=True):
            files[f"{name}/{key}.png"] = encode_png(Image.fromarray(picture))
    for name, data in files.items():
        _make_way(store.root / folder / name)
        store.put_bytes(f"{folder}/{name}", data)
    facts = {
        "pairgen": pairgen.__version__,
        "role": planned.role,
        "name": planned.name,
        "steps": planned.steps,
        "bench": comparison.bench,
        "identity": _identity(planned),
        "shared": comparison.shared,
        "model": planned.facts,
        "figures": found.figures,
        "missing": found.missing,
        "not_meaningful": found.doubtful,
        "pictures": list(found.pictures),
        "machine": found.machine,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    # As JSON holds it.
    plain = json.loads(json.dumps(without_secrets_in(facts), allow_nan=False))
    text = json.dumps({**plain, SHA256: _sha256_of(plain)}, indent=1, ensure_ascii=False)
    store.put_bytes(f"{folder}/{ROW_FILE}", f"{text}\n".encode())


def read_rows(store: LocalStore, say: Say) -> list[Row]:
    """Read the rows that stand; say which of them cannot be read, and leave these aside."""
    found = []
    for slot in store.names(ROWS):
        if not os.path.lexists(store.root / ROWS / slot / ROW_FILE):
            # It was not finished.
            continue
        try:
            found.append(_read_row(store, slot))
        except UNREADABLE as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            say(f"{store.url}/{ROWS}/{slot} cannot be read and is left aside: {reason}.")
    return found


def _make_way(path: Path) -> None:
    """Remove what a damaged row has in the place of a file or of its folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    if path.parent.is_file():
        path.parent.unlink()


def _read_row(store: LocalStore, slot: str) -> Row:
    folder = f"{ROWS}/{slot}"
    facts = json.loads(store.read_bytes(f"{folder}/{ROW_FILE}"))
    if facts.pop(SHA256, "") != _sha256_of(facts):
        raise ValueError(f"{ROW_FILE} was altered")

    def read(name: str) -> bytes:
        data = store.read_bytes(f"{folder}/{name}")
        if hashlib.sha256(data).hexdigest() != facts["files"][name]:
            raise ValueError(f"{name} was altered")
        return data

    arrays = load(read(SCORES_FILE))
    keys: Sequence[str] = facts["shared"]["keys"]
    pictures = {
        name: np.stack([_picture(read(f"{name}/{key}.png")) for key in keys])
        for name in facts["pictures"]
    }
    return Row(slot, facts, arrays, arrays.pop(FEATURES), pictures)


def _sha256_of(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the content of row.json, without its own."""
    return hashlib.sha256(canonical_json(facts).encode()).hexdigest()


def _picture(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def _identity(planned: Planned) -> dict[str, Any]:
    # As JSON holds it, whose lists are not tuples.
    content: dict[str, Any] = json.loads(json.dumps({"role": planned.role, **planned.identity}))
    return content
