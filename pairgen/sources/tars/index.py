"""Read WebDataset tars: where each member lies, and which members are a sample.

A member is named KEY.EXTENSION. A key may hold dots and an extension may, so the rule is: the key
ends at the first dot if what follows is the name of a member that samples have, else at the last.
Names of members are compared without case.
"""

import re
import tarfile
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import BinaryIO

from pairgen.sources.passed_over import PassedOver, hidden_kind
from pairgen.sources.tars.headers import all_members

# Members that pairgen itself writes, and arrays of anyone.
_KNOWN = re.compile(r"lr\d+\.\w+|[a-z]\w*\.npy|tag\.txt")
# Members that a hard link later in the tar may name.
_MAX_TARGETS = 10_000


@dataclass(frozen=True)
class Place:
    """Where a member's content lies.

    Attributes:
        offset: Its first byte in the tar.
        size: Its number of bytes.
    """

    offset: int
    size: int


@dataclass(frozen=True)
class TarSample:
    """The members of one key.

    Attributes:
        key: The key, with its folder: `a/b` for `a/b.lr4.png`.
        members: Extension, in lower case, to place.
    """

    key: str
    members: dict[str, Place]


@dataclass
class TarIndex:
    """The samples of a tar, in the order of their first members, with at most 200 bytes a member.

    Attributes:
        passed_over: What is no member of a sample, by kind.
    """

    passed_over: Counter[str] = field(default_factory=Counter)
    _keys: list[str] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _offsets: "array[int]" = field(default_factory=lambda: array("Q"))
    _sizes: "array[int]" = field(default_factory=lambda: array("Q"))
    _order: "array[int]" = field(default_factory=lambda: array("Q"))

    def __iter__(self) -> Iterator[TarSample]:
        members: dict[str, Place] = {}
        key = ""
        for number in self._order:
            if members and self._keys[number] != key:
                yield TarSample(key, members)
                members = {}
            key = self._keys[number]
            members[self._names[number]] = Place(self._offsets[number], self._sizes[number])
        if members:
            yield TarSample(key, members)

    def count(self, passed_over: PassedOver) -> None:
        """Add what is no member of a sample to the counts of a source."""
        for kind, number in self.passed_over.items():
            passed_over.add(f"{kind} in tars", number)

    def names(self) -> Counter[str]:
        """Return how many samples have a member of each name."""
        return Counter(self._names)


def read_index(file: BinaryIO, named: str = "") -> TarIndex:
    """Read all headers of a tar.

    Args:
        file: The tar, seekable.
        named: Name of a member that the user gave; empty for none.

    Raises:
        tarfile.TarError: The file is not a tar, is cut or damaged, holds another tar behind its
            end, or has two members of one name.
    """
    index = TarIndex()
    rests = _read_headers(file, index)
    _split(index, rests, named.lower())
    _join(index)
    return index


def read_samples(
    file: BinaryIO,
    is_wanted: Callable[[str], bool],
    named: str = "",
    passed_over: PassedOver | None = None,
) -> Iterator[dict[str, bytes | None]]:
    """Yield the samples in tar order, as extension to content; None for unwanted members.

    Args:
        file: The tar, seekable.
        is_wanted: Whether to read a member with this extension.
        named: Name of a member that the user gave; empty for none.
        passed_over: Counts what is no member of a sample; None not to count it.

    Raises:
        tarfile.TarError: As `read_index`.
    """
    index = read_index(file, named)
    if passed_over is not None:
        index.count(passed_over)
    for sample in index:
        yield {
            name: read_member(file, place) if is_wanted(name) else None
            for name, place in sample.members.items()
        }


def read_member(file: BinaryIO, place: Place) -> bytes:
    """Return a member's content.

    Raises:
        tarfile.ReadError: The tar ends in it.
    """
    file.seek(place.offset)
    content = file.read(place.size)
    if len(content) < place.size:
        raise tarfile.ReadError(f"truncated at byte {place.offset + len(content):,}")
    return content


def _read_headers(file: BinaryIO, index: TarIndex) -> list[str]:
    """Append each member, with its key up to the first dot; return what follows that dot."""
    size = file.seek(0, 2)
    file.seek(0)
    rests: list[str] = []
    same: dict[str, str] = {}
    places: dict[str, Place] = {}
    last = ""
    for member in all_members(file):
        if member.isdir():
            continue
        place = Place(member.offset_data, member.size)
        if place.offset + place.size > size and member.isreg() and not member.issparse():
            raise tarfile.ReadError(f"truncated in {member.name}")
        if kind := _kind(member, places):
            index.passed_over[kind] += 1
            continue
        place = places[member.linkname] if member.islnk() else place
        head, rest = _first_dot(member.name)
        # Of members side by side, and of equal names, one text is kept.
        last = last if head == last else head
        index._keys.append(last)
        rests.append(same.setdefault(rest, rest))
        index._offsets.append(place.offset)
        index._sizes.append(place.size)
        if len(places) < _MAX_TARGETS:
            places[member.name] = place
    return rests


def _kind(member: tarfile.TarInfo, places: Collection[str]) -> str:
    """Return what a member is, if it is no file with a key."""
    base = member.name.rstrip("/").rpartition("/")[2]
    if member.islnk() and member.linkname in places:
        return ""
    if member.issym() or member.islnk():
        return "link"
    if member.issparse():
        return "sparse file"
    if not member.isreg():
        return "device"
    return hidden_kind(base) if base.startswith(".") else ""


def _first_dot(name: str) -> tuple[str, str]:
    head, _, base = name.rpartition("/")
    key, _, rest = base.partition(".")
    return (f"{head}/{key}" if head else key), rest.lower()


def _split(index: TarIndex, rests: list[str], named: str) -> None:
    """Decide for each member where its key ends."""
    repeated = Counter(rests)
    for number, rest in enumerate(rests):
        middle, dot, extension = rest.rpartition(".")
        # A word that several samples have in this place is a part of the member's name; a number,
        # or a word of one sample, is a part of the key.
        is_name = (
            not dot
            or rest == named
            or _KNOWN.fullmatch(rest)
            or (repeated[rest] > 1 and middle[:1].isalpha())
        )
        if not is_name:
            index._keys[number] = f"{index._keys[number]}.{middle}"
        index._names.append(rest if is_name else extension)


def _join(index: TarIndex) -> None:
    """Put the members of each sample side by side.

    Raises:
        tarfile.ReadError: Two members of a sample have one name.
    """
    first: dict[str, int] = {}
    samples = array("Q")
    for key in index._keys:
        samples.append(first.setdefault(key, len(first)))
    del first
    index._order = array("Q", range(len(samples)))
    if any(after < before for before, after in pairwise(samples)):
        index._order = array("Q", sorted(index._order, key=samples.__getitem__))
    key, names = "", set[str]()
    for number in index._order:
        if index._keys[number] != key:
            key, names = index._keys[number], set()
        if index._names[number] in names:
            raise tarfile.ReadError(f"two members are named {key}.{index._names[number]}")
        names.add(index._names[number])
