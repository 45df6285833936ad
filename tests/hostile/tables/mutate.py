"""Damaged tables and tars, each read in a process of its own: a sentence, or all accounted for.

    python -m tests.hostile.tables.mutate [--num 500] [--seed 0]

Prints what went wrong, one line for each file.
"""

import argparse
import gzip
import io
import os
import random
import resource
import shutil
import tarfile
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pairgen.errors import ConfigError
from pairgen.sources.image_files import find_images
from pairgen.sources.images import collect_images, header_size
from pairgen.sources.prompt_values import PromptReader, find_prompts
from pairgen.sources.prompts import collect_prompts
from pairgen.sources.tars import unpacked
from pairgen.sources.texts.captions import Captions, with_captions_checked
from tests.hostile.tables.case import arrow, lines, parquet, picture

MAX_MORE = 400 * 2**20
NUM_ROWS = 40
TEXTS = [f"a cat, number {number}, \u00e9\u732b" for number in range(NUM_ROWS)]
NAMES = [f"{number}.png" for number in range(NUM_ROWS)]
CELLS = [{"bytes": picture(number % 20), "path": None} for number in range(NUM_ROWS)]
# So long that headers of their own hold the names in some formats.
KEY = "folder/" * 20
Read = Callable[[Path], None]


def delimited(delimiter: str, *header: str) -> bytes:
    rows = [header, *((name, f'"{text}"') for name, text in zip(NAMES, TEXTS, strict=True))]
    return "".join(delimiter.join(row) + "\n" for row in rows).encode()


def tar_of(*names: str, **options: Any) -> bytes:
    """Return a tar of pictures and their texts under these names of members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as opened:
        for number, text in enumerate(TEXTS):
            content = {"png": picture(number % 20), "json": lines({"caption": text})}
            for name in names:
                data = content.get(name, text.encode())
                info = tarfile.TarInfo(f"{KEY}{number:03d}.{name}")
                info.size = len(data)
                opened.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def read_prompts(path: Path) -> None:
    told = list[int]()
    summary = collect_prompts(
        PromptReader(find_prompts([str(path)])),
        path.parent / "out.arrow",
        on_rejected=lambda number, *_: told.append(number),
    )
    assert len(told) == summary.num_rejected
    counts = (summary.num_accepted, summary.num_blank, summary.num_rejected)
    assert summary.num_read == sum(counts)


def read_images(path: Path) -> None:
    count_images(path, None)


def read_captions(path: Path) -> None:
    count_images(path.parent / "p", Captions(path, ""))


def read_folder(path: Path) -> None:
    count_images(path.parent, None)


def count_images(given: Path, captions: Captions | None) -> None:
    files = find_images([str(given)])
    if captions is not None:
        files = captions.apply(files)
    num_found = 0

    def counted() -> None:
        nonlocal num_found
        num_found += 1

    size_of = with_captions_checked(header_size)
    target = given.parent / "images.out"
    summary = collect_images(files, target, lambda _: 1, counted, size_of)
    assert summary.num_accepted + len(summary.rejected) == num_found


BASES: dict[str, tuple[Read, bytes]] = {
    "p.csv": (read_prompts, delimited(",", "id", "prompt")),
    "p.tsv": (read_prompts, delimited("\t", "id", "prompt")),
    "p.jsonl": (read_prompts, lines(*({"prompt": text} for text in TEXTS))),
    "p.parquet": (read_prompts, parquet(prompt=TEXTS)),
    "q.parquet": (read_prompts, parquet(prompt=pa.array(TEXTS).dictionary_encode())),
    "p.arrow": (read_prompts, arrow(prompt=TEXTS)),
    "i.parquet": (read_images, parquet(image=CELLS, caption=TEXTS)),
    "i.arrow": (read_images, arrow(image=CELLS, caption=TEXTS)),
    "c.csv": (read_captions, delimited(",", "file_name", "text")),
    "c.parquet": (read_captions, parquet(file_name=NAMES, text=TEXTS)),
    "p.tar": (read_prompts, tar_of("txt")),
    "q.tar": (read_prompts, tar_of("json", format=tarfile.PAX_FORMAT)),
    "i.tar": (read_images, tar_of("png", "txt")),
    "j.tar": (read_images, tar_of("png", "json", format=tarfile.GNU_FORMAT)),
    "i.tar.gz": (read_images, packed(tar_of("png", "txt"))),
    "metadata.csv": (read_folder, delimited(",", "file_name", "text")),
    "metadata.jsonl": (
        read_folder,
        lines(*({"file_name": n, "text": t} for n, t in zip(NAMES, TEXTS, strict=True))),
    ),
    "metadata.parquet": (read_folder, parquet(file_name=NAMES, text=TEXTS)),
}


def mutated(data: bytes, choose: random.Random) -> bytes:
    """Return the bytes with some damage."""
    damaged = bytearray(data)
    start = choose.randrange(len(damaged))
    if data[257:262] == b"ustar" and choose.random() < 0.5:
        # Where headers are: most of a tar is content.
        start -= start % tarfile.BLOCKSIZE - choose.randrange(160)
        start = min(start, len(damaged) - 1)
    length = min(choose.choice((1, 2, 4, 8, 64, 512)), len(damaged) - start)
    kind = choose.choice(("flip", "flip", "flip", "cut", "lose", "twice", "zeros", "ones", "noise"))
    if kind == "flip":
        for _ in range(choose.randint(1, 8)):
            damaged[start] ^= 1 << choose.randrange(8)
            start = choose.randrange(len(damaged))
    elif kind == "cut":
        del damaged[start:]
    elif kind == "lose":
        del damaged[start : start + length]
    elif kind == "twice":
        damaged[start:start] = damaged[start : start + length]
    else:
        fill = {"zeros": bytes(length), "ones": b"\xff" * length, "noise": choose.randbytes(length)}
        damaged[start : start + length] = fill[kind]
    return bytes(damaged)


def outcome(read: Read, path: Path) -> tuple[str, int]:
    """Read a file in a forked child; return what went wrong, and the child's highest memory."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        wrong, unpacked.CACHE = "", str(path.parent / "cache")
        try:
            read(path)
        except ConfigError as error:
            wrong = "several lines" if "\n" in str(error) else ""
        except BaseException:
            wrong = traceback.format_exc().strip().replace("\n", " | ")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        os.write(send, f"{peak} {wrong}".encode(errors="replace"))
        os._exit(0)
    os.close(send)
    with os.fdopen(receive, "rb") as pipe:
        told = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    if status or not told:
        return f"ended with status {status}", 0
    peak, _, wrong = told.partition(" ")
    return wrong, int(peak)


def faults(num: int, seed: int) -> Iterator[str]:
    """Yield what went wrong with each of `num` damaged tables and tars."""
    choose = random.Random(seed)
    with tempfile.TemporaryDirectory() as scratch:
        peaks = {}
        for number in range(-len(BASES), num):
            name, (read, data) = list(BASES.items())[number % len(BASES)]
            folder = Path(scratch) / "s"
            (folder / "p").mkdir(parents=True)
            for each in ("0.png", "1.png"):
                (folder / "p" / each).write_bytes(picture())
                if name.startswith("metadata"):
                    (folder / each).write_bytes(picture())
            # The first time, the file is sound.
            (folder / name).write_bytes(data if number < 0 else mutated(data, choose))
            wrong, peak = outcome(read, folder / name)
            peaks.setdefault(name, peak)
            if peak > peaks[name] + MAX_MORE:
                wrong = f"{(peak - peaks[name]) / 2**20:.0f} MB more than the sound file"
            if wrong:
                yield f"{name}, number {number}: {wrong}"
            shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--num", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = list(faults(given.num, given.seed))
    print(*found, f"{given.num} damaged tables and tars, {len(found)} faults", sep="\n")


if __name__ == "__main__":
    main()
