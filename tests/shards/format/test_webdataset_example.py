"""The documented training loops run as they stand, and both readers give the same samples."""

import re
from pathlib import Path

import numpy as np
import pytest
import webdataset as wds

import pairgen
from pairgen.shards.storage.local_store import LocalStore
from tests import warm
from tests.small_sets import make_plan, write_set

PAGE = Path(__file__).parents[3] / "docs/train-with-your-own-loop.md"
FIELDS = ("noise.npy", "latent.npy", "txt")


def blocks() -> list[str]:
    """Return the Python blocks of the page that read pairs."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [block for block in found if "pairs" in block]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    return write_set(tmp_path_factory.mktemp("example") / "pairs", make_plan(num_samples=40))


def test_the_loops_of_the_page_run(pairs: LocalStore) -> None:
    found = blocks()
    assert ["pairgen.Loader(" in block for block in found] == [True, False]
    for block in found:
        result = warm.run(["-c"], code=block, cwd=pairs.root.parent)
        assert result.returncode == 0, f"{block}\n{result.stderr}"


# webdataset 1.0.2 leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_and_the_loader_give_the_same_samples(pairs: LocalStore) -> None:
    shards = sorted(str(path) for path in pairs.root.glob("train/*.tar"))
    read = {}
    for sample in wds.WebDataset(shards, shardshuffle=False).decode():
        read[sample["__key__"]] = [sample[field] for field in FIELDS]
    loader = pairgen.Loader(pairs.root, fields=FIELDS, batch_size=8, facts=["guidance_scale"])
    num = 0
    for batch in loader:
        for i, key in enumerate(batch.keys):
            noise, latent, text = read.pop(key)
            np.testing.assert_array_equal(batch["noise.npy"][i].numpy(), noise)
            np.testing.assert_array_equal(batch["latent.npy"][i].numpy(), latent)
            assert batch.texts["txt"][i] == text
            num += 1
    assert (num, read) == (40, {})
