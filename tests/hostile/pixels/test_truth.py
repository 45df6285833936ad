"""What pairgen decodes is what other decoders see, for every format and layout.

`benchmarks/parity/decoding.py` prints the table.
"""

import io

import numpy as np
import pytest

from pairgen.sources.photographs import ImageSize, decode_rgb, read_size
from pairgen.sources.pixels import colours
from tests.hostile.pixels.second_decoders import Case, difference
from tests.hostile.pixels.truth import cases

FOUND = [case for case in cases() if isinstance(case, Case)]


@pytest.mark.parametrize("case", FOUND, ids=[case.name for case in FOUND])
def test_pixels_are_those_of_another_decoder(case):
    try:
        assert difference(case) <= case.allowed
    except ImportError as error:
        pytest.skip(str(error))
    height, width = decode_rgb(case.data).shape[:2]
    assert read_size(io.BytesIO(case.data)) == ImageSize(width, height)


@pytest.mark.parametrize("case", FOUND, ids=[case.name for case in FOUND])
def test_an_image_in_parts_is_the_whole(case, monkeypatch):
    whole = decode_rgb(case.data)
    monkeypatch.setattr(colours, "BAND_PIXELS", 2 * whole.shape[1])
    assert np.array_equal(decode_rgb(case.data), whole)
