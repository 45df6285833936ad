"""Ranges: every byte arrives where it belongs, and only what is asked for is requested."""

import io
import random

from pairgen.sources.urls.ranges import MAX_AHEAD, RangeReader, buffered

CONTENT = random.Random(0).randbytes(3_000_000)


class Requests:
    """Serves ranges of the content, and keeps which."""

    def __init__(self) -> None:
        self.made: list[tuple[int, int]] = []

    def __call__(self, start: int, stop: int) -> bytes:
        assert 0 <= start < stop <= len(CONTENT)
        self.made.append((start, stop))
        return CONTENT[start:stop]

    @property
    def num_bytes(self) -> int:
        return sum(stop - start for start, stop in self.made)


def test_reads_at_any_place_return_what_a_file_would() -> None:
    draws = random.Random(1)
    file, true = buffered(Requests(), len(CONTENT)), io.BytesIO(CONTENT)
    for _ in range(300):
        place = draws.randrange(len(CONTENT) + 100)
        size = draws.choice([0, 1, 512, 70_000, 200_000])
        assert file.seek(place) == true.seek(place)
        assert file.read(size) == true.read(size)
    assert file.seek(-10, io.SEEK_END) == true.seek(-10, io.SEEK_END)
    assert file.read() == true.read()


def test_nothing_is_read_that_is_not_asked_for() -> None:
    requests = Requests()
    file = RangeReader(requests, len(CONTENT), reads_ahead=False)
    file.seek(1_000)
    assert file.read(50) == CONTENT[1_000:1_050]
    assert file.read(7) == CONTENT[1_050:1_057]
    assert requests.made == [(1_000, 1_050), (1_050, 1_057)]


def test_reading_on_takes_few_requests_and_reads_nothing_twice() -> None:
    requests = Requests()
    file = buffered(requests, len(CONTENT))
    assert b"".join(iter(lambda: file.read(1_000), b"")) == CONTENT
    assert requests.num_bytes == len(CONTENT) and len(requests.made) <= 8 < MAX_AHEAD


def test_all_the_rest_is_one_request() -> None:
    requests = Requests()
    assert buffered(requests, len(CONTENT)).read() == CONTENT
    assert requests.made == [(0, len(CONTENT))]


def test_a_known_beginning_is_not_requested() -> None:
    requests = Requests()
    file = buffered(requests, len(CONTENT), CONTENT[:65_536])
    assert file.read(1_000) == CONTENT[:1_000] and not requests.made
