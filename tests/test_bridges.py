"""The key maps for other trainers name members that shards really have."""

import io
from pathlib import Path

import numpy as np
import pytest
import yaml

import pairgen
from pairgen.config import packaged_configs
from tests.runs import samples

FASTGEN = packaged_configs() / "bridges" / "fastgen.yaml"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A pair with four stored states and its embedding."""
    folder: Path = tmp_path_factory.mktemp("bridges")
    (folder / "prompts.txt").write_text("a red apple\n")
    pairgen.ode(
        model="tiny",
        cfg=3,
        prompts=str(folder / "prompts.txt"),
        steps=8,
        num_samples=1,
        trajectory="999,749,499,249",
        store_embeddings=True,
        executor="serial",
        out=str(folder / "pairs"),
    )
    (made,) = samples(folder / "pairs")
    return made


def array(data: bytes) -> np.ndarray:
    # FastGen's decoder of .npy refuses pickles as well.
    return np.load(io.BytesIO(data), allow_pickle=False)


def test_fastgens_keys_are_members_of_a_sample(sample):
    maps = yaml.safe_load(FASTGEN.read_text(encoding="utf-8"))
    assert set(maps) == {"pairs", "paths", "prompts"}
    for each in maps.values():
        assert set(each["key_map"].values()) <= set(sample)
        for name in each["key_map"].values():
            if name.endswith(".npy"):
                assert np.isfinite(array(sample[name])).all()


def test_a_path_is_what_fastgen_takes_for_one(sample):
    """Four states, the noise first: its multi-step distillation asserts four and starts there."""
    path = array(sample["path.npy"])
    assert path.shape == (4, *array(sample["latent.npy"]).shape)
    np.testing.assert_array_equal(path[0], array(sample["noise.npy"]))
