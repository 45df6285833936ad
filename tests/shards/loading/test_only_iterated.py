"""A loader inside a torch `DataLoader` is one sentence that says to iterate it."""

from pathlib import Path

import pytest
from torch.utils.data import DataLoader

import pairgen
from pairgen.errors import ConfigError
from pairgen.shards.loading.only_iterated import ITERATE
from tests.small_sets import write_set


@pytest.fixture
def loader(tmp_path: Path) -> pairgen.Loader:
    return pairgen.Loader(write_set(tmp_path / "set").url, fields=["latent.npy"], batch_size=4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": None},
        {"batch_size": 2, "shuffle": True},
        {"num_workers": 1, "multiprocessing_context": "fork"},
        {"num_workers": 1, "batch_size": None, "multiprocessing_context": "spawn"},
    ],
)
# Where threads run, Python 3.12 warns of a fork.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_data_loader_is_refused_in_one_sentence(loader: pairgen.Loader, options: dict):
    with pytest.raises(ConfigError) as caught:
        next(iter(DataLoader(loader, **options)))
    assert str(caught.value) == ITERATE


def test_iterating_it_goes_on_as_before(loader: pairgen.Loader):
    assert len(list(loader)) == len(loader) == 6
