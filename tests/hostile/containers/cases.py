"""Tars and folders of images as people have them, and what becomes of each.

A picture is of one colour, which is its number: what was taken shows in the pixels.
"""

import gzip
import io
import os
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

SIDE = 64
BLOCK = tarfile.BLOCKSIZE
# How the files begin in which macOS keeps what belongs to another.
APPLE_DOUBLE = b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(40)


def picture(number: int, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (10 * number, 100, 200)).save(buffer, kind)
    return buffer.getvalue()


def number_of(png: bytes) -> int:
    # JPEG changes a colour a little.
    return round(int(np.asarray(Image.open(io.BytesIO(png)))[0, 0, 0]) / 10)


def tar(members: list[tuple[str, bytes]], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as opened:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def other_entry(name: str, kind: bytes, target: str = "") -> bytes:
    """Return a tar with two images, and an entry that is no file between them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as opened:
        for number, each in ((0, "0.png"), (0, ""), (1, "1.png")):
            info = tarfile.TarInfo(each or name)
            if each:
                info.size = len(picture(number))
                opened.addfile(info, io.BytesIO(picture(number)))
            else:
                info.type, info.linkname = kind, target
                opened.addfile(info)
    return buffer.getvalue()


def extended(content: bytes, kind: bytes = tarfile.XHDTYPE, size: int = 0) -> bytes:
    """Return an extended header; its size is that of the content unless given."""
    info = tarfile.TarInfo("extended")
    info.type, info.size = kind, size or len(content)
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % BLOCK)


def facts(**found: str) -> bytes:
    """Return the extended header with these facts of the next member."""
    lines = b""
    for name, value in found.items():
        line = f" {name}={value}\n".encode()
        # The number of bytes counts its own digits.
        num = next(n for n in range(len(line), len(line) + 9) if n == len(line) + len(str(n)))
        lines += str(num).encode() + line
    return extended(lines)


def long_name(size: int) -> bytes:
    """Return the header of a long name, which says that it has so many bytes."""
    return extended(b"x", tarfile.GNUTYPE_LONGNAME, size)


@dataclass(frozen=True)
class Case:
    """A source, and what becomes of it.

    Attributes:
        name: What it is.
        write: Writes it into a folder, and returns what `--images` is given.
        taken: Number of each picture that is taken, to its caption.
        told: What the command says of what it passes over; empty for nothing.
        refused: What it says if it refuses the source.
        column: What `--column` is given.
        why: Why it is refused though other readers take pictures of it.
        for_others: Writes what other readers are given instead: they hold all that it unpacks to.
    """

    name: str
    write: Callable[[Path], str]
    taken: Mapping[int, str] = field(default_factory=dict)
    told: str = ""
    refused: str = ""
    column: str = ""
    why: str = ""
    for_others: Callable[[Path], str] | None = None


def in_tar(*members: tuple[str, bytes], name: str = "a.tar") -> Callable[[Path], str]:
    return in_file(tar(list(members)), name)


def in_file(content: bytes, name: str = "a.tar") -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        (folder / name).write_bytes(content)
        return str(folder / name)

    return write


def in_folder(
    files: Mapping[str, bytes], given: str = "", links: Mapping[str, str] | None = None
) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        for name, target in (links or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            os.symlink(target, folder / name)
        return str(folder / given) if given else str(folder)

    return write


def table(**columns: list[object]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


TWO = tar([("0.png", picture(0)), ("1.png", picture(1))])
# Where the header of the second member begins.
SECOND = BLOCK + -(-len(picture(0)) // BLOCK) * BLOCK
DAMAGED = bytearray(TWO)
DAMAGED[SECOND + 3] ^= 0xFF
PLAIN = {0: "", 1: ""}
# Why sources are refused that others read.
FIRST = "which of the two is meant is not known; the other would be lost without a word"
GUESSED = "one of several pictures of a sample would be taken, whichever comes first"
NAMED = "the member that the user names is not there"
LISTED = "what its json holds as a caption is no text; they would give none without a word"
HIDDEN = "a name with a dot before it is no image anywhere; they are told"
LOST = "what stands behind the damage would be lost without a word"
NESTED = "how many headers are borne would be up to the process: each takes a call in a call"


def sparse(size: int) -> bytes:
    """Return a tar whose first picture says it has so many bytes, all but three of them zero."""
    return facts(**{"GNU.sparse.map": "0,3", "GNU.sparse.size": str(size)}) + TWO


TARS = (
    Case("capital suffix", in_tar(("0.png", picture(0)), ("1.PNG", picture(1))), PLAIN),
    Case("capital text", in_tar(("0.PNG", picture(0)), ("0.TXT", b"zero")), {0: "zero"}),
    Case("mixed case", in_tar(("a.Png", picture(0)), ("a.Txt", b"zero")), {0: "zero"}),
    Case("number in the key", in_tar(("img.0.5.png", picture(0)), ("i.png", picture(1))), PLAIN),
    Case(
        "all keys with a dot", in_tar(("22.05.png", picture(0)), ("22.06.png", picture(1))), PLAIN
    ),
    Case(
        "text beside a key with a dot",
        in_tar(("mr.smith.png", picture(0)), ("mr.smith.txt", b"him")),
        {0: "him"},
    ),
    Case(
        "dates as keys",
        in_tar(*((f"2024.05.{day}.png", picture(day)) for day in range(1, 4))),
        {1: "", 2: "", 3: ""},
    ),
    Case(
        "one name twice",
        in_tar(("0.png", picture(0)), ("0.png", picture(1))),
        refused="two members are named 0.png",
    ),
    Case(
        "one name in two cases",
        in_tar(("0.png", picture(0)), ("0.PNG", picture(1))),
        refused="two members are named 0.png",
        why=FIRST,
    ),
    Case(
        "one text twice",
        in_tar(("0.png", picture(0)), ("0.txt", b"a"), ("0.TXT", b"b")),
        refused="two members are named 0.txt",
        why=FIRST,
    ),
    Case(
        "names in several parts",
        in_tar(*((f"{n}.{name}.png", picture(n)) for n in range(2) for name in ("image", "mask"))),
        refused=r"it holds image.png \(2\), mask.png \(2\): name the image, such as --column image",
        why=GUESSED,
    ),
    Case(
        "a part that is named",
        in_tar(*((f"{n}.{name}.png", picture(n)) for n in range(2) for name in ("image", "mask"))),
        PLAIN,
        told="2 members in tars named mask.png",
        column="image.png",
    ),
    Case(
        "a part that is not there",
        in_tar(("0.png", picture(0)), ("1.png", picture(1))),
        refused=r"has no member 'image.png'; it holds png \(2\)",
        column="image.png",
        why=NAMED,
    ),
    Case(
        "levels of a set",
        in_tar(("0.png", picture(0)), ("0.lr4.png", picture(9)), ("0.latent.npy", b"x")),
        {0: ""},
        told="1 member in tars named lr4.png",
    ),
    Case(
        "samples not side by side",
        in_tar(("0.png", picture(0)), ("1.png", picture(1)), ("0.txt", b"zero"), ("1.txt", b"one")),
        {0: "zero", 1: "one"},
    ),
    Case(
        "texts first",
        in_tar(("0.txt", b"zero"), ("1.txt", b"one"), ("1.png", picture(1)), ("0.png", picture(0))),
        {0: "zero", 1: "one"},
    ),
    Case(
        "texts in another folder",
        in_tar(("a/0.png", picture(0)), ("b/0.txt", b"zero")),
        {0: ""},
        told="1 sample of txt in tars",
    ),
    Case(
        "cut at a header",
        in_file(TWO[:SECOND]),
        refused="truncated or damaged at byte",
        why=LOST,
    ),
    Case(
        "cut in a header",
        in_file(TWO[: SECOND + 99]),
        refused="truncated or damaged at byte",
        why=LOST,
    ),
    Case("cut in data", in_file(TWO[: SECOND + BLOCK + 9]), refused="truncated in 1.png"),
    Case(
        "a damaged header",
        in_file(bytes(DAMAGED)),
        refused="truncated or damaged at byte",
        why=LOST,
    ),
    Case(
        "another tar behind its end",
        in_file(TWO + TWO),
        refused="another tar begins behind",
        why=LOST,
    ),
    Case(
        "something behind its end",
        in_file(TWO + b"x" * 99),
        refused="something follows its end",
        why=LOST,
    ),
    Case("no tar", in_file(b"no tar" * 999), refused="cannot be read"),
    Case("an empty file", in_file(b""), refused="cannot be read"),
    Case("packed", in_file(gzip.compress(TWO), "a.tar.gz"), PLAIN),
    Case("packed, by a short name", in_file(gzip.compress(TWO), "a.TGZ"), PLAIN),
    Case("packed, by a wrong name", in_file(gzip.compress(TWO), "a.tar"), PLAIN),
    Case("packed and cut", in_file(gzip.compress(TWO)[:-99], "a.tar.gz"), refused="cannot be read"),
    Case("caption in a member", in_tar(("0.png", picture(0)), ("0.caption", b"zero")), {0: "zero"}),
    Case(
        "caption in json",
        in_tar(("0.png", picture(0)), ("0.json", b'{"caption": "zero", "id": 7}')),
        {0: "zero"},
    ),
    Case(
        "a text before json",
        in_tar(("0.png", picture(0)), ("0.json", b'{"caption": "other"}'), ("0.txt", b"zero")),
        {0: "zero"},
    ),
    Case(
        "a key of json that is named",
        in_tar(("0.png", picture(0)), ("0.json", b'{"caption": "other", "short": "zero"}')),
        {0: "zero"},
        column="short",
    ),
    Case(
        "a caption that is a list",
        in_tar(("0.png", picture(0)), ("0.json", b'{"caption": ["a", "b"]}')),
        refused="has 2 captions, a list: choose by --caption-choice",
        why=LISTED,
    ),
    Case(
        "a caption that is a number",
        in_tar(("0.png", picture(0)), ("0.json", b'{"text": NaN}')),
        refused="its caption holds NaN under .text. of json",
        why=LISTED,
    ),
    Case("json that is none", in_tar(("0.png", picture(0)), ("0.json", b"{")), {0: ""}),
    Case(
        "a link", in_file(other_entry("l.png", tarfile.SYMTYPE, "0.png")), PLAIN, "1 link in tars"
    ),
    Case("a hard link", in_file(other_entry("l.png", tarfile.LNKTYPE, "0.png")), PLAIN),
    Case(
        "a link to what is not there",
        in_file(other_entry("l.png", tarfile.LNKTYPE, "gone.png")),
        PLAIN,
        "1 link in tars",
    ),
    Case("a device", in_file(other_entry("d.png", tarfile.CHRTYPE)), PLAIN, "1 device in tars"),
    *(
        Case(f"a header with {what}", in_file(headers + TWO), refused=why)
        for what, headers, why in (
            ("2^60 bytes", extended(b"x", size=2**60), "a header says that it has 1,152,9"),
            ("a name of 2^60 bytes", long_name(2**60), "a header says that it has 1,152,9"),
            ("a name of 1 GiB", long_name(2**30), "a header says that it has 1,073,741,824 bytes"),
            ("a negative size", facts(size="-5"), "damaged header"),
            ("a size of 2^60", facts(size=str(2**60)), "truncated in 0.png"),
            ("a size that is no number", facts(size="x"), "truncated or damaged at byte"),
            ("a map that is none", facts(**{"GNU.sparse.map": "0,x"}), "damaged header"),
            (
                "a sparse file without a map",
                facts(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
                "damaged header",
            ),
        )
    ),
    Case(
        "a member behind sixty headers",
        in_file(facts(a="b") * 60 + TWO),
        refused="damaged header before byte 51,200: it never ends",
        why=NESTED,
    ),
    Case(
        "a sparse file of 10 GB",
        in_file(sparse(10**10)),
        {1: ""},
        "1 sparse file in tars",
        for_others=in_file(sparse(10**9)),
    ),
    Case(
        "hidden files",
        in_tar(("0.png", picture(0)), ("._0.png", b"x"), (".DS_Store", b"x")),
        {0: ""},
        "1 AppleDouble file in tars, 1 hidden file in tars",
    ),
    Case(
        "hidden images",
        in_tar(("0.png", picture(0)), (".1.png", picture(1)), ("a/.2.png", picture(2))),
        {0: ""},
        "2 hidden .png in tars",
        why=HIDDEN,
    ),
    Case(
        "no images",
        in_tar(("0.npy", b"x"), ("README", b"x")),
        refused="There are no images in .*a.tar: it holds 1 sample of a file without a suffix",
    ),
    Case("nothing", in_file(tar([])), refused="There are no images in"),
    Case(
        "two images of one sample",
        in_tar(("0.jpg", picture(0, "JPEG")), ("0.png", picture(1))),
        {0: ""},
        "1 member in tars named png",
    ),
)

FOLDERS = (
    Case(
        "linked folders",
        in_folder(
            {"all/own/a.png": picture(0), "real/b.png": picture(1)}, "all", {"all/d": "../real"}
        ),
        PLAIN,
    ),
    Case(
        "nothing but a linked folder",
        in_folder({"real/b.png": picture(1)}, "all", {"all/d": "../real"}),
        {1: ""},
    ),
    Case(
        "a loop of links",
        in_folder({"a/b/x.png": picture(0)}, "a", {"a/b/again": "..", "a/once": "b"}),
        {0: ""},
    ),
    Case(
        "a folder of img2dataset",
        in_folder(
            {
                "00000.tar": tar([("0.jpg", picture(0, "JPEG")), ("0.txt", b"zero")]),
                "00000.parquet": table(url=["x"], caption=["zero"]),
                "00000_stats.json": b"{}",
            }
        ),
        {0: "zero"},
        told="1 .json",
    ),
    Case(
        "a table without images beside images",
        in_folder({"a.png": picture(0), "facts.parquet": table(price=[1])}),
        {0: ""},
        told="1 table without images",
    ),
    Case(
        "a packed tar beside an image",
        in_folder({"a.png": picture(0), "b/x.tar.gz": gzip.compress(tar([("1.png", picture(1))]))}),
        PLAIN,
    ),
    Case(
        "other kinds of files",
        in_folder({"a.png": picture(0), "b.mp4": b"", "c.MP4": b"", "README": b"", "n.pdf": b""}),
        {0: ""},
        told="2 .mp4, 1 .pdf, 1 file without a suffix",
    ),
    Case(
        "JPEG by rarer names",
        in_folder(
            {"a.jfif": picture(0, "JPEG"), "b.jpe": picture(1, "JPEG"), "c.JPG": picture(2, "JPEG")}
        ),
        {0: "", 1: "", 2: ""},
    ),
    Case(
        "no images",
        in_folder({"a.mp4": b"", "b.txt": b"one"}),
        refused=r"There are no images in .*: it holds 1 \.mp4, 1 \.txt",
    ),
    Case("nothing", in_folder({}), refused="There are no images in"),
    Case(
        "a glob that catches captions",
        in_folder({"a.png": picture(0), "a.txt": b"zero", "b.png": picture(1), "c.txt": b"x"}, "*"),
        {0: "zero", 1: ""},
        told="1 .txt",
    ),
    Case(
        "a glob that catches a folder and a film",
        in_folder({"a.png": picture(0), "f/b.png": picture(1), "g.mp4": b""}, "*"),
        PLAIN,
        told="1 .mp4",
    ),
    Case(
        "a glob that catches nothing to read",
        in_folder({"g.mp4": b""}, "*"),
        refused=r"There are no images in .*: it holds 1 \.mp4",
    ),
    Case(
        "a list of paths",
        in_folder(
            {"f/a.png": picture(0), "b.png": picture(1), "l.txt": b"f/a.png\n\nb.png\n"}, "l.txt"
        ),
        PLAIN,
    ),
    Case(
        "a list of BasicSR",
        in_folder(
            {
                "a b.png": picture(0),
                "b.png": picture(1),
                "meta_info.txt": b"a b.png (64,64,3)\nb.png (64, 64, 3) 1\n",
            },
            "meta_info.txt",
        ),
        PLAIN,
    ),
    Case(
        "an LMDB",
        in_folder({"x.lmdb/data.mdb": b"", "x.lmdb/lock.mdb": b"", "x.lmdb/meta_info.txt": b""}),
        refused="is an LMDB database",
    ),
    Case(
        "hidden files and folders",
        in_folder({"a.png": picture(0), ".b.png": picture(1), ".git/c.png": picture(2)}),
        {0: ""},
        told="1 hidden .png, 1 hidden folder",
    ),
    Case(
        "what macOS leaves",
        in_folder(
            {
                "a.png": picture(0),
                "._a.png": APPLE_DOUBLE,
                ".DS_Store": b"\0\0\0\1Bud1",
                "b/.DS_Store": b"",
                "__MACOSX/b/._c.png": APPLE_DOUBLE,
            }
        ),
        {0: ""},
        told="2 AppleDouble files, 2 hidden files",
    ),
    Case(
        "hidden images beside a tar",
        in_folder({"a.tar": tar([("0.png", picture(0)), ("._0.png", b"")]), ".1.JPG": b"x"}),
        {0: ""},
        told="1 AppleDouble file in tars, 1 hidden .jpg",
    ),
    Case(
        "nothing but hidden files",
        in_folder({".a.png": picture(0), ".b.png": picture(1), "c/.DS_Store": b""}),
        refused=r"There are no images in .*: it holds 2 hidden \.png, 1 hidden file",
    ),
    Case(
        "a list with what macOS leaves",
        in_folder(
            {
                "a.png": picture(0),
                "._a.png": APPLE_DOUBLE,
                "._b.png": picture(1),
                "l.txt": b"./a.png\n./._a.png\n./._b.png\n",
            },
            "l.txt",
        ),
        PLAIN,
        told="1 AppleDouble file",
    ),
    Case(
        "a glob for what macOS leaves",
        in_folder({"a.png": picture(0), "._a.png": APPLE_DOUBLE}, "*a.png"),
        {0: ""},
    ),
    Case(
        "nothing but what macOS leaves",
        in_folder({"._a.png": APPLE_DOUBLE}, "._a.png"),
        refused=r"There are no images in .*: it holds 1 AppleDouble file",
    ),
    Case(
        "hidden images that are named",
        in_folder({".a.png": picture(0), ".b.png": picture(1), "c.png": b""}, ".*.png"),
        PLAIN,
    ),
)
