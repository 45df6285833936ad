"""Random numbers of a sample: one generator per (seed, index, stream).

Nothing in pairgen uses a global generator. Numbers are drawn by NumPy on the CPU and moved to
the device: torch's CPU generator keeps only 32 bits of its seed, and its CUDA generator depends
on the GPU.
"""

import zlib
from enum import IntEnum

import numpy as np

from pairgen.errors import ConfigError

# Name of the map (seed, index) -> noise, stored with every sample. It changes when the map does.
NOISE_GENERATOR = "numpy-philox4x64-ziggurat-f32"
# Name of the map (seed, index) -> crop and draw of a degradation.
DRAW_GENERATOR = "numpy-philox4x64"


class Stream(IntEnum):
    """The purpose of a draw. Streams of one sample never overlap."""

    NOISE = 0
    CROP = 1
    DEGRADATION = 2
    # Of a training loader: `seed` is the training's, `index` a position in its order of samples.
    SHARD_ORDER = 3
    SAMPLE_ORDER = 4
    SET_ORDER = 5
    # Of a training step: `index` is the sample of a step, `part` the call.
    TRAINING = 6
    # Of figures: `index` is the split.
    EVALUATION = 7
    # Of a dataset: `index` is 0, one draw orders all its prompts.
    PROMPT_ORDER = 8
    # Of a check: which shards are read.
    VERIFY = 9
    # Of a training loader: `index` is the sample, `part` its epoch and set.
    FRAME = 10
    # Of an overlay: what is drawn of a posterior, and a mask.
    POSTERIOR = 11
    MASK = 12
    # Of a folder of buckets: `index` is the width, `part` the height: the seed of the sub-set.
    BUCKET = 13
    # Of a training loader: `index` is the epoch, one draw orders the shapes of its batches.
    SHAPE_ORDER = 14
    # Of a painted picture: `index` is its number.
    PICTURE = 15
    # Of a sample whose image has several captions.
    CAPTION = 16
    # Of a page: which samples of a dataset are shown.
    REPORT = 17


def generator_for(seed: int, index: int, stream: Stream, part: int = 0) -> np.random.Generator:
    """Return the generator of one sample's stream.

    Philox is keyed with [seed, index] and its 256-bit counter starts at [0, 0, part, stream]; the
    stream sits in the highest word, so streams are 2^192 blocks apart and their parts 2^128, and
    two samples cannot share a number because their keys differ.

    Args:
        seed: Seed of the dataset, in [0, 2^63).
        index: Position of the sample (for noise: of the pair), in [0, 2^63).
        stream: The purpose of the draw.
        part: Number of the draw within its stream, in [0, 2^63).

    Raises:
        ConfigError: `seed`, `index` or `part` is out of range.

    Reference:
        Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox4x64-10).
    """
    for name, value in (("seed", seed), ("index", index), ("part", part)):
        if not 0 <= value < 2**63:
            raise ConfigError(f"{name} must be in [0, 2^63), got {value}.")
    key = np.array([seed, index], dtype=np.uint64)
    counter = np.array([0, 0, part, stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def noise_for(seed: int, pair_index: int, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return the noise x_T of a pair: unit variance, drawn in float32, rounded to `dtype`.

    It is rounded before sampling, so the stored noise is exactly what the teacher was given.

    Args:
        seed: Seed of the dataset.
        pair_index: Position of the pair; samples of a pair at several guidance scales share it.
        shape: Shape of the latent, [C, H, W].
        dtype: Stored dtype, `float16` or `float32`.
    """
    return unrounded_noise_for(seed, pair_index, shape).astype(dtype)


def unrounded_noise_for(seed: int, pair_index: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return the noise of a pair as drawn, float32; `noise_for` rounds it to the stored dtype."""
    return generator_for(seed, pair_index, Stream.NOISE).standard_normal(shape, dtype=np.float32)


def array_crc32(array: np.ndarray) -> int:
    """Return the CRC-32 of the array's little-endian bytes."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return zlib.crc32(np.ascontiguousarray(little).tobytes())
