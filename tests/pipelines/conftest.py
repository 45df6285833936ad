"""The pipelines are scripts that import each other by bare names: let the tests do so too."""

import sys
from pathlib import Path

PIPELINES = Path(__file__).parent.parent.parent / "pipelines"
# Last, so that their names hide nobody else's.
sys.path += [str(PIPELINES / "tiny_teacher"), str(PIPELINES)]
