"""A folder with every kind of source, read here, from a web server and from fsspec's memory."""

import csv
import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.web_server import WebServer, web_server

NUM_IMAGES = 4
NUM_TARS = 3


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder."""
    return write_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture
def web(sources: Path) -> Iterator[WebServer]:
    """A web server of it."""
    with web_server(sources) as running:
        yield running


@pytest.fixture
def memory(sources: Path) -> Iterator[str]:
    """Its URL in memory."""
    files = fsspec.filesystem("memory")
    files.put(str(sources), "/sources", recursive=True)
    yield "memory://sources"
    files.rm("/sources", recursive=True)


def png(number: int, side: int = 64) -> bytes:
    """Return noise as PNG; the number says which. It has some 12 kB for 64 px."""
    values = np.random.default_rng(number).integers(0, 256, (side, side, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(values).save(buffer, "png")
    return buffer.getvalue()


def tar_of(members: Mapping[str, bytes]) -> bytes:
    """Return a tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def write_sources(folder: Path) -> Path:
    """Write images and prompts as files, tars and tables; return the folder."""
    photos = folder / "photos"
    for name in ("a", "b/c", "b/d e", ".hidden/x"):
        path = photos / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(len(name)))
    (photos / "a.txt").write_text("a caption beside it")
    (photos / "film.mp4").write_bytes(b"0" * 100)
    (photos / "b/metadata.csv").write_text("file_name,text\nc.png,by metadata\ngone.png,no\n")
    tars = folder / "tars"
    tars.mkdir()
    for tar in range(NUM_TARS):
        members = {}
        for number in range(NUM_IMAGES):
            members[f"{number:03d}.PNG"] = png(10 * tar + number)
            members[f"{number:03d}.json"] = json.dumps({"caption": f"{tar} {number}"}).encode()
        (tars / f"{tar:05d}.tar").write_bytes(tar_of(members))
    pq.write_table(pa.table({"url": ["of the list of a tar"]}), tars / "00000.parquet")
    (folder / "packed.tar.gz").write_bytes(gzip.compress((tars / "00001.tar").read_bytes()))
    texts = [f"row {number}" for number in range(2 * NUM_IMAGES)]
    table = pa.table({"image": [png(100 + each) for each in range(len(texts))], "text": texts})
    pq.write_table(table, folder / "table.parquet", row_group_size=2)
    write_saved(folder / "saved", table)
    write_prompts(folder / "prompts")
    (folder / "list.txt").write_text("photos/b/c.png\nphotos/gone.png\nphotos/b/d e.png\n")
    return folder


def write_saved(folder: Path, table: pa.Table) -> None:
    """Write a table as `datasets.Dataset.save_to_disk` does."""
    folder.mkdir()
    name = "data-00000-of-00001.arrow"
    with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
        out.write_table(table, max_chunksize=2)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))


def write_prompts(folder: Path) -> None:
    """Write the same prompts in several formats."""
    folder.mkdir()
    prompts = ["a cat", "a dog, asleep", "", "two birds"]
    (folder / "p.txt").write_text("\n".join(prompts) + "\n")
    with (folder / "p.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["id", "caption"], *enumerate(prompts)])
    lines = "".join(json.dumps({"prompt": each}) + "\n" for each in prompts)
    (folder / "p.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    pq.write_table(pa.table({"prompt": prompts}), folder / "p.parquet")
    members = {f"{number}.txt": each.encode() for number, each in enumerate(prompts)}
    (folder / "p.tar").write_bytes(tar_of(members))
