"""A set opens with what the field uses: webdataset, tarfile, GNU tar, and datasets, offline."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset as wds

from pairgen.kinds.card import render_card
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import scan, write_manifest
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.small_sets import FACT_KEYS, PROMPTS, make_plan, make_sample, write_set

SHARD_COUNTS = [1, 3]


def finished_set(root: Path, num_shards: int, with_card: bool = True) -> LocalStore:
    """Return a set as a run leaves it, with all its files."""
    store = write_set(root, make_plan(num_samples=8 * num_shards))
    manifest = scan(store, read_plan(store))
    write_manifest(store, manifest)
    store.put_bytes(layout.REJECTED, b'{"entry": 1, "reason": "x", "prompt": "y"}\n')
    if with_card:
        store.put_bytes(layout.CARD, render_card(manifest).encode())
    return store


def tars(store: LocalStore) -> list[Path]:
    return [store.root / layout.TRAIN / name for name in store.names(layout.TRAIN)]


# webdataset 1.0.2 leaves its files to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("num_shards", SHARD_COUNTS)
def test_webdataset_opens_it(tmp_path: Path, num_shards: int) -> None:
    store = finished_set(tmp_path / "set", num_shards)
    shards = [str(path) for path in tars(store)]
    samples = list(wds.WebDataset(shards, shardshuffle=False).decode())
    assert [sample["__key__"] for sample in samples] == [f"{i:09d}" for i in range(8 * num_shards)]
    for index, sample in enumerate(samples):
        expected = make_sample(make_plan(), index)
        assert sample["txt"] == expected.fields["txt"]
        assert sorted(sample["json"]) == FACT_KEYS
        assert sample["noise.npy"].dtype == np.float16
        np.testing.assert_array_equal(sample["latent.npy"], expected.fields["latent.npy"])


@pytest.mark.parametrize("num_shards", SHARD_COUNTS)
def test_tarfile_and_gnu_tar_list_the_same_members(tmp_path: Path, num_shards: int) -> None:
    store = finished_set(tmp_path / "set", num_shards)
    assert len(tars(store)) == num_shards
    for path in tars(store):
        with tarfile.open(path) as tar:
            names = tar.getnames()
        listed = subprocess.run(["tar", "-tf", path], capture_output=True, text=True, check=True)
        assert listed.stdout.split() == names
        assert listed.stderr == ""
        assert len(names) == 8 * 4


# The offline switches are read when the library is imported, hence a process of its own; and one
# for all folders, because importing takes longer than loading.
LOAD = """
import json, sys
import numpy as np
from datasets import load_dataset

def load(folder, cache, streaming):
    dataset = load_dataset(folder, split="train", streaming=streaming, cache_dir=cache)
    rows = list(dataset)
    return {
        "features": {name: repr(feature) for name, feature in dataset.features.items()},
        "keys": [row["__key__"] for row in rows],
        "texts": [row["txt"] for row in rows],
        "json": [row["json"] for row in rows],
        "shapes": sorted({np.asarray(row["latent.npy"]).shape for row in rows}),
        "sums": [float(np.asarray(row["noise.npy"], np.float64).sum()) for row in rows],
    }

print(json.dumps([
    [load(folder, f"{cache}/{number}", streaming) for streaming in (False, True)]
    for cache, *folders in [sys.argv[1:]]
    for number, folder in enumerate(folders)
]))
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, bool], list[Any]]:
    """What `datasets` makes of sets with so many shards, with and without a card."""
    folder = tmp_path_factory.mktemp("loaded")
    kinds = [(num_shards, card) for num_shards in SHARD_COUNTS for card in (True, False)]
    stores = [finished_set(folder / f"{num}{card}", num, card) for num, card in kinds]
    found = load_with_datasets([store.url for store in stores], folder / "cache")
    return dict(zip(kinds, found, strict=True))


def load_with_datasets(urls: list[str], cache: Path) -> list[Any]:
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_HOME": str(cache),
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    result = subprocess.run(
        [sys.executable, "-c", LOAD, str(cache), *urls],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    found: list[Any] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("with_card", [True, False])
@pytest.mark.parametrize("num_shards", SHARD_COUNTS)
def test_datasets_opens_the_folder_with_the_right_features(
    loaded: dict[tuple[int, bool], list[Any]], num_shards: int, with_card: bool
) -> None:
    expected = [make_sample(make_plan(), index) for index in range(8 * num_shards)]
    for found in loaded[num_shards, with_card]:
        features = found["features"]
        assert set(features) == {"txt", "json", "latent.npy", "noise.npy", "__key__", "__url__"}
        assert features["txt"] == "Value('string')"
        for name in ("latent.npy", "noise.npy"):
            assert features[name] == "List(List(List(Value('float16'))))"
        for name, kind in {
            "guidance_scale": "float64",
            "seed": "int64",
            "noise_crc32": "int64",
            "prompt_truncated": "bool",
            "group": "string",
        }.items():
            assert f"'{name}': Value('{kind}')" in features["json"]
        assert found["keys"] == [sample.key for sample in expected]
        assert found["texts"] == [PROMPTS[i % len(PROMPTS)] for i in range(len(expected))]
        assert found["json"] == [dict(sample.facts) for sample in expected]
        assert found["shapes"] == [[4, 8, 8]]
        sums = [np.asarray(s.fields["noise.npy"]).astype(np.float64).sum() for s in expected]
        assert found["sums"] == pytest.approx(sums)
