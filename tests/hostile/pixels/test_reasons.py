"""Whatever a decoder raises is a reason; packages that are missing are named."""

import struct
import sys
import zlib

import pytest

from pairgen.sources.photographs import UnusableImageError, decode_rgb
from pairgen.sources.pixels.reasons import reasons
from tests.hostile.pixels.files import colours, png

RAISED = [
    TypeError("Missing dimensions"),
    ZeroDivisionError(),
    OverflowError("too \n large"),
    AttributeError("no\tsuch"),
    AssertionError(),
    MemoryError(),
    RecursionError(),
    zlib.error("invalid"),
    struct.error("unpack"),
    UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "no"),
    NotImplementedError(),
    OSError(5, "Input/output error"),
    ValueError("caf\udce9" * 200),
]
PANIC = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})


@pytest.mark.parametrize("error", [*RAISED, PANIC("a decoder in Rust")], ids=repr)
def test_what_is_raised_is_a_reason(error):
    with pytest.raises(UnusableImageError) as found, reasons():
        raise error
    told = str(found.value)
    assert told.startswith("cannot be decoded: ") and len(told.splitlines()) == 1
    assert told.encode("utf-8") and len(told) > len("cannot be decoded: ")


def test_an_interrupt_is_none():
    for error in (KeyboardInterrupt, SystemExit):
        with pytest.raises(error), reasons():
            raise error


@pytest.mark.parametrize(
    ("head", "module", "package"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "pillow_heif", "HEIC images need pillow-heif"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "pillow_heif", "HEIC images need pillow-heif"),
        (b"\xff\x0a\x10\x20", "pillow_jxl", "JPEG XL images need pillow-jxl-plugin"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "pillow_jxl", "JPEG XL images need pillow-jxl-plugin"),
    ],
)
def test_a_missing_package_is_named_with_its_command(head, module, package, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    command = r"pip install 'pairgen\[images\]'"
    with pytest.raises(UnusableImageError, match=f"^{package}: {command}$"):
        decode_rgb(head.ljust(100, b"\0"))


def test_packages_are_imported_only_for_their_formats(monkeypatch):
    for module in ("pillow_heif", "pillow_jxl"):
        monkeypatch.setitem(sys.modules, module, None)
    assert decode_rgb(png(colours().astype(int), 8, 2)).shape == (24, 40, 3)
