"""Randomness that belongs to a sample.

The literals must never change: noise that was left out of published sets is drawn again by them.
"""

import itertools
import zlib

import numpy as np
import pytest

from pairgen.errors import ConfigError
from pairgen.seeding import Stream, array_crc32, generator_for, noise_for


@pytest.mark.parametrize(
    ("seed", "index", "normals"),
    [
        (0, 0, [0.059911035001277924, 0.015559634193778038, -1.1644384860992432]),
        (7, 123, [1.0869895219802856, -0.18009476363658905, 0.3291639983654022]),
    ],
)
def test_the_first_normals_are_these(seed, index, normals):
    # key = np.array([seed, index], dtype=np.uint64)
    # generator = np.random.Generator(np.random.Philox(key=key))
    # generator.standard_normal(3, dtype=np.float32).tolist()
    generator = generator_for(seed, index, Stream.NOISE)
    assert generator.standard_normal(3, dtype=np.float32).tolist() == normals


def test_the_noise_of_the_first_pair_has_this_checksum():
    # generator = np.random.Generator(np.random.Philox(key=np.zeros(2, dtype=np.uint64)))
    # noise = generator.standard_normal((4, 64, 64), dtype=np.float32).astype("<f2")
    # zlib.crc32(noise.tobytes())
    assert array_crc32(noise_for(0, 0, (4, 64, 64), "float16")) == 0x75A230E4


def test_no_two_samples_share_their_noise():
    numbers = [0, 1, 2, 7, 2**31, 2**32, 2**32 + 1, 2**63 - 1]
    noises = {
        noise_for(seed, index, (16,), "float32").tobytes()
        for seed, index in itertools.product(numbers, numbers)
    }
    assert len(noises) == len(numbers) ** 2


def test_seed_and_index_do_not_swap():
    swapped = noise_for(5, 3, (16,), "float32")
    assert not np.array_equal(noise_for(3, 5, (16,), "float32"), swapped)


def test_an_index_keeps_more_than_32_bits():
    beyond = noise_for(0, 2**32, (16,), "float32")
    assert not np.array_equal(noise_for(0, 0, (16,), "float32"), beyond)


def test_streams_of_a_sample_never_meet():
    # A stream sits in the highest word of the counter; the three low words count the blocks.
    assert len({int(stream) for stream in Stream}) == len(Stream)
    for stream in Stream:
        state = generator_for(1, 2, stream).bit_generator.state["state"]
        assert state["counter"].tolist() == [0, 0, 0, int(stream)]
        assert state["key"].tolist() == [1, 2]
    state = generator_for(1, 2, Stream.SHARD_ORDER, part=7).bit_generator.state["state"]
    assert state["counter"].tolist() == [0, 0, 7, int(Stream.SHARD_ORDER)]
    other = np.random.Philox(key=np.uint64([1, 2]), counter=np.uint64([0, 0, 0, 99]))
    first = np.random.Generator(other).standard_normal(16)
    assert not np.array_equal(generator_for(1, 2, Stream.NOISE).standard_normal(16), first)


@pytest.mark.parametrize("value", [-1, 2**63, 2**64])
def test_numbers_out_of_range_are_refused(value):
    with pytest.raises(ConfigError, match=rf"seed must be in \[0, 2\^63\), got {value}"):
        generator_for(value, 0, Stream.NOISE)
    with pytest.raises(ConfigError, match=rf"index must be in \[0, 2\^63\), got {value}"):
        generator_for(0, value, Stream.NOISE)
    with pytest.raises(ConfigError, match=rf"part must be in \[0, 2\^63\), got {value}"):
        generator_for(0, 0, Stream.NOISE, part=value)


def test_noise_has_unit_variance():
    noise = np.stack([noise_for(0, i, (4, 64, 64), "float32") for i in range(16)])
    # Six standard errors of 262,144 draws.
    assert abs(noise.mean()) < 6 / 512
    assert abs(noise.var() - 1) < 6 * 2**0.5 / 512
    assert noise.dtype == np.float32


def test_stored_noise_is_the_rounded_float32_noise():
    exact = noise_for(3, 4, (4, 8, 8), "float32")
    rounded = noise_for(3, 4, (4, 8, 8), "float16")
    assert rounded.dtype == np.float16
    assert np.array_equal(rounded, exact.astype(np.float16))


def test_noise_does_not_depend_on_what_was_drawn_before():
    alone = noise_for(0, 5, (16,), "float32")
    for index in (9, 1, 5):
        drawn = noise_for(0, index, (16,), "float32")
    assert np.array_equal(drawn, alone)


def test_the_checksum_is_that_of_little_endian_bytes_in_c_order():
    array = np.arange(6, dtype="<f4").reshape(2, 3)
    assert array_crc32(array) == zlib.crc32(array.tobytes())
    assert array_crc32(array.astype(">f4")) == array_crc32(array)
    assert array_crc32(np.asfortranarray(array)) == array_crc32(array)
