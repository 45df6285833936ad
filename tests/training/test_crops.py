"""The options `crop` and `flip` reach the loader."""

from pathlib import Path

import pytest

from pairgen.errors import ConfigError
from pairgen.jobs.train.run import run_train
from tests.training.conftest import OPTIONS


@pytest.mark.parametrize(
    ("option", "named"), [({"crop": 8}, "crop=8"), ({"flip": True}, "flip=true")]
)
def test_pairs_are_neither_cropped_nor_flipped(
    pairs: Path, tmp_path: Path, option: dict, named: str
) -> None:
    out = tmp_path / "run"
    with pytest.raises(ConfigError, match=rf"noise.npy cannot be loaded with {named}: it belongs"):
        run_train({**OPTIONS, "data": str(pairs), "out": str(out), **option})
    assert not out.exists()
