"""What the tests of several jobs look at."""

from pathlib import Path

import pytest

import pairgen


@pytest.fixture(scope="module")
def gaussian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 samples at two guidance scales, in shards of 10, 10 and 4."""
    out = tmp_path_factory.mktemp("gaussian") / "out"
    pairgen.ode(
        model="gaussian",
        cfg="3,8",
        num_samples=24,
        samples_per_shard=10,
        steps=2,
        batch_size=4,
        out=str(out),
        executor="serial",
    )
    return out
