"""The hub's `imagefolder` finds the same captions in folders with metadata files."""

import gc
from pathlib import Path

import pytest

from pairgen.sources.image_files import find_images
from tests.hostile.tables.caption_cases import FOLDERS
from tests.hostile.tables.case import Case
from tests.hostile.tables.test_tables import write

# What both take; the others name images that are not there, which the hub's loader fails on, or
# leave the folder, which it refuses.
SAME = ("beside", "above", "a dot before", "there and back", "back slashes")
CASES = [case for case in FOLDERS if case.name.rpartition(" (")[0] in SAME]


# It leaves the files open that it streams.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_imagefolder_has_the_same_captions(case: Case, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    write(case, tmp_path / "f")
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(tmp_path / "f"), split="train", streaming=True
    ).cast_column("image", datasets.Image(decode=False))
    theirs = {Path(each["image"]["path"]).name: each["text"] for each in loaded}
    del loaded
    gc.collect()
    ours = {Path(each.name).name: each.caption for each in find_images([str(tmp_path / "f")])}
    assert {name: text for name, text in ours.items() if text} == theirs
