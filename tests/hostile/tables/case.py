"""What a case of the tables is, and how its files are written."""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

SIDE = 64


def picture(number: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (10 * number, 100, 200)).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass(frozen=True)
class Case:
    """Files, and what becomes of what they hold.

    Attributes:
        name: What it is.
        files: Name to content of every file.
        taken: The prompts in order, or recorded name of each image to its caption.
        refused: Start of the place of each refused entry, to what its reason says.
        told: What the command says of what it recognised, or of what does not fit.
        error: What it says if it refuses the source.
        give: What `--prompts` or `--images` is given, below the folder of the files.
        options: Further options.
    """

    name: str
    files: Mapping[str, bytes]
    taken: Any = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    told: Sequence[str] = ()
    error: str = ""
    give: str = "."
    options: Mapping[str, Any] = field(default_factory=dict)


def lines(*rows: Any) -> bytes:
    """Return JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def arrow(**columns: Any) -> bytes:
    buffer, table = io.BytesIO(), pa.table(columns)
    with pa.ipc.new_stream(buffer, table.schema) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def tar(**members: bytes) -> bytes:
    """Return a tar; `a_png` is the member a.png."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        for name, content in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
