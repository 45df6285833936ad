"""Members as bytes: arrays that np.load reads, text, facts; nothing is ever unpickled."""

import io
import json
from typing import Any

import numpy as np
import pytest

from pairgen.shards.format.codec import decode_member, encode_facts, encode_field

ARRAYS = [
    np.arange(24, dtype=np.float16).reshape(2, 3, 4),
    np.float32([[1.5, -2.5]]),
    np.arange(4, dtype=np.int64),
    np.array([True, False]),
    np.arange(3, dtype=np.uint8),
    np.float64(3.5) * np.ones(()),
    np.empty((0, 4), np.float32),
    np.arange(6.0).reshape(2, 3).T,
    np.arange(12.0)[::2],
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_an_array_comes_back_and_is_what_np_load_reads(array: np.ndarray) -> None:
    data = encode_field(array)
    for found in (decode_member("x.npy", data), np.load(io.BytesIO(data), allow_pickle=False)):
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_the_bytes_are_those_of_np_save() -> None:
    array = ARRAYS[0]
    buffer = io.BytesIO()
    np.save(buffer, array)
    assert encode_field(array) == buffer.getvalue()


def test_big_endian_arrays_are_stored_little_endian() -> None:
    array = np.arange(4, dtype=">f4")
    found = decode_member("npy", encode_field(array))
    assert found.dtype == np.dtype("<f4")
    np.testing.assert_array_equal(found, array)
    assert encode_field(array) == encode_field(array.astype("<f4"))


def saved(array: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "array",
    [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(3, dtype=">i2")],
    ids=["fortran", "big-endian"],
)
def test_arrays_that_others_saved_are_read(array: np.ndarray) -> None:
    np.testing.assert_array_equal(decode_member("npy", saved(array)), array)


def test_an_array_is_a_copy_that_can_be_written_to() -> None:
    found = decode_member("npy", encode_field(ARRAYS[0]))
    found += 1


OBJECTS = saved(np.array([{"a": 1}], dtype=object), allow_pickle=True)
GOOD = encode_field(ARRAYS[0])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        b"PK\x03\x04 a zip file, which np.load would open",
        b"\x80\x04K\x01. a pickle",
        OBJECTS,
        GOOD[:50],
        GOOD[:-1],
        GOOD + b"\0",
        GOOD.replace(b"(2, 3, 4)", b"(2, 3, 9)"),
        GOOD.replace(b"<f2", b"<f3"),
        GOOD.replace(b"<f2", b"|O8"),
        GOOD.replace(b"'shape'", b"'shapo'"),
        GOOD.replace(b"(2, 3, 4)", b"(2,-3,-4)"),
        GOOD.replace(b"(2, 3, 4)", b"(9999999)"),
        GOOD[:6] + b"\x09" + GOOD[7:],
    ],
)
def test_bytes_that_are_no_array_of_numbers_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        decode_member("latent.npy", data)


def test_text_is_utf8() -> None:
    assert encode_field("żółw 🐢") == "żółw 🐢".encode()
    assert decode_member("txt", "żółw 🐢".encode()) == "żółw 🐢"
    with pytest.raises(ValueError, match="utf-8"):
        decode_member("txt", b"caf\xe9")


def test_encoded_bytes_pass_through() -> None:
    assert encode_field(b"\x89PNG") == b"\x89PNG"
    assert decode_member("png", memoryview(b"\x89PNG")) == b"\x89PNG"


def test_facts_keep_order_types_and_script() -> None:
    facts = {"b": 8.0, "a": 8, "text": "日本", "flag": True, "big": 2**63 - 1}
    data = encode_facts(facts)
    assert "日本".encode() in data
    found = decode_member("json", data)
    assert list(found) == list(facts)
    assert found == facts
    assert type(found["b"]) is float
    assert type(found["a"]) is int


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_facts_hold_no_value_that_json_lacks(value: float) -> None:
    with pytest.raises(ValueError, match="Out of range"):
        encode_facts({"x": value})


def test_damaged_facts_are_refused() -> None:
    with pytest.raises(json.JSONDecodeError):
        decode_member("json", b'{"a": ')
