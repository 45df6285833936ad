"""The pages of a Parquet file as they are, whatever its footer says of them.

Arrow unpacks a page whole, to the size that the page's own header gives; the sizes in the footer
are claims. Headers are structs of Thrift's compact protocol: `PageHeader` in `parquet.thrift` of
https://github.com/apache/parquet-format.
"""

from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from pairgen.untrusted.malformed import MalformedError

DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = 0, 2, 3
DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY = 6, 7
# A field of `PageHeader`, and of the header of each kind of page, by its number there.
_KIND, _UNPACKED, _PACKED = 1, 2, 3
_OF_KIND = {DATA_PAGE: 5, DICTIONARY_PAGE: 7, DATA_PAGE_V2: 8}
_NUM_VALUES, _ENCODING = 1, {DATA_PAGE: 2, DICTIONARY_PAGE: 2, DATA_PAGE_V2: 4}
# Of the first kind of data page: encodings of its levels. Of the second: their sizes, and whether
# its values are packed.
_LEVEL_ENCODINGS, _LEVEL_BYTES, _IS_PACKED = (3, 4), (5, 6), 7
_RLE = 3
# Statistics lie three structs deep.
_MAX_DEPTH = 8
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_I32, _INTEGERS = 5, (4, 6)


class Page(NamedTuple):
    """A page of a column.

    Attributes:
        kind: Data page or page of a dictionary.
        num_bytes: Its size once it is unpacked.
        num_values: Number of its values.
        encoding: Encoding of its values.
        place: Where its bytes begin behind the header.
        num_packed: Their number.
        level_bytes: How many of them are levels that are never packed.
        is_packed: Whether the others are.
        has_old_levels: Whether levels are in another encoding than that of today.
    """

    kind: int
    num_bytes: int
    num_values: int
    encoding: int
    place: int = 0
    num_packed: int = 0
    level_bytes: int = 0
    is_packed: bool = True
    has_old_levels: bool = False

    @property
    def is_dictionary(self) -> bool:
        """Whether it holds a dictionary."""
        return self.kind == DICTIONARY_PAGE

    @property
    def has_lengths(self) -> bool:
        """Whether it holds the lengths of its texts apart from them."""
        return self.encoding in (DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY)

    @property
    def has_prefixes(self) -> bool:
        """Whether a text may begin with bytes of the one before it."""
        return self.encoding == DELTA_BYTE_ARRAY


def read_pages(file: BinaryIO, start: int, stop: int, num_values: int) -> Iterator[Page]:
    """Yield the pages of one column of a row group, as far as Arrow would read them.

    Args:
        file: A Parquet file, or a part of one.
        start: Where the first header begins in it.
        stop: Where the column ends.
        num_values: Number of its values; what follows them is not looked at.

    Raises:
        MalformedError: They are damaged.
    """
    place = start
    while place < stop and num_values > 0:
        file.seek(place)
        header = _Compact(file, stop).struct()
        kind, unpacked, packed = (header.get(field) for field in (_KIND, _UNPACKED, _PACKED))
        if not (type(unpacked) is type(packed) is int and unpacked >= 0 and packed >= 0):
            raise MalformedError(f"has a page without its sizes at byte {place:,}")
        start = file.tell()
        place = start + packed
        if type(kind) is not int or kind not in _OF_KIND:
            continue
        own = header.get(_OF_KIND[kind])
        own = own if isinstance(own, dict) else {}
        found, encoding = own.get(_NUM_VALUES), own.get(_ENCODING[kind])
        if not (type(found) is type(encoding) is int and found >= 0):
            raise MalformedError(f"has a page without its number of values at byte {place:,}")
        if kind != DICTIONARY_PAGE:
            num_values -= found
        levels, is_old = 0, False
        if kind == DATA_PAGE_V2:
            levels = sum(max(0, own.get(field) or 0) for field in _LEVEL_BYTES)
        elif kind == DATA_PAGE:
            is_old = any(own.get(field) != _RLE for field in _LEVEL_ENCODINGS)
        is_packed = own.get(_IS_PACKED) is not False
        yield Page(kind, unpacked, found, encoding, start, packed, levels, is_packed, is_old)


class _Compact:
    """Reads structs; keeps numbers of 32 bits, truth values and structs, and passes over the rest.

    As Arrow reads them: it cuts numbers to their bits, and a field of another type than it should
    have alters nothing.
    """

    def __init__(self, file: BinaryIO, stop: int) -> None:
        self._file, self._stop = file, stop

    def struct(self, depth: int = 0) -> dict[int, Any]:
        if depth > _MAX_DEPTH:
            raise MalformedError("has a header of a page that is nested too deeply")
        fields = dict[int, Any]()
        number = 0
        while byte := self._byte():
            number = number + (byte >> 4) if byte >> 4 else self._integer()
            number = (number + 2**15) % 2**16 - 2**15
            value = self._value(byte & 15, depth)
            if value is not None:
                fields[number] = value
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind == _I32:
            return self._integer()
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in _INTEGERS:
            self._varint()
        elif kind == _BYTE:
            self._pass(1)
        elif kind == _DOUBLE:
            self._pass(8)
        elif kind == _BINARY:
            self._pass(self._varint())
        elif kind in (_LIST, _SET):
            self._pass_list(depth)
        elif kind == _MAP:
            self._pass_map(depth)
        elif kind == _STRUCT:
            return self.struct(depth + 1)
        else:
            raise MalformedError(f"has a header of a page with a field of unknown type {kind}")
        return None

    def _pass_list(self, depth: int) -> None:
        byte = self._byte()
        num = byte >> 4 if byte >> 4 < 15 else self._varint()
        for _ in range(num):
            self._pass_element(byte & 15, depth)

    def _pass_map(self, depth: int) -> None:
        num = self._varint()
        kinds = self._byte() if num else 0
        for _ in range(num):
            self._pass_element(kinds >> 4, depth)
            self._pass_element(kinds & 15, depth)

    def _pass_element(self, kind: int, depth: int) -> None:
        # A truth value outside a struct takes a byte.
        self._value(_BYTE if kind in (_TRUE, _FALSE) else kind, depth)

    def _integer(self) -> int:
        coded = self._varint() % 2**32
        return (coded >> 1) ^ -(coded & 1)

    def _varint(self) -> int:
        value = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
        raise MalformedError("has a header of a page with a number that does not end")

    def _byte(self) -> int:
        if self._file.tell() >= self._stop or not (read := self._file.read(1)):
            raise MalformedError("ends within the header of a page")
        return read[0]

    def _pass(self, num_bytes: int) -> None:
        if self._file.tell() + num_bytes > self._stop:
            raise MalformedError("ends within the header of a page")
        self._file.seek(num_bytes, 1)
