"""A browser, and node, where they are installed."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.pages.browser import Tab, find_chromium, open_tab

SCRIPTS = Path(__file__).parents[2] / "pairgen/assets/pages"


def missing(program: str) -> None:
    """Skip a test on a machine without a program; in CI, which installs it, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"{program} is not installed")
    pytest.skip(f"{program} is not installed")


@pytest.fixture
def by_node() -> Callable[..., Any]:
    """Return a function that runs an expression beside a script, with some values."""

    def run(script: str, expression: str, **values: Any) -> Any:
        node = shutil.which("node")
        if node is None:
            missing("node")
        code = (
            f"require({json.dumps(str(SCRIPTS / script))});"
            "const given = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));"
            f"const {{ {', '.join(values)} }} = given;"
            f"console.log(JSON.stringify({expression}));"
        )
        result = subprocess.run(
            [node, "-e", code], input=json.dumps(values), capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    """Return a tab of a browser."""
    program = find_chromium()
    if program is None:
        missing("Chromium")
    with open_tab(program) as found:
        yield found
