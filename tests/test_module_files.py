"""Where a user's own module lies, found without importing anything."""

import sys
from pathlib import Path

from pairgen.module_files import find_source


def test_modules_in_folders_without_init_are_found_and_nothing_is_imported(tmp_path: Path) -> None:
    (tmp_path / "outermost/inner").mkdir(parents=True)
    module = tmp_path / "outermost/inner/my_part.py"
    module.write_text("raise RuntimeError")
    assert find_source("outermost.inner.my_part", [str(tmp_path)]) == module
    assert find_source("outermost.inner.none", [str(tmp_path)]) is None
    assert find_source("outermost.my_part", [str(tmp_path)]) is None
    assert not {"outermost", "outermost.inner"} & sys.modules.keys()
