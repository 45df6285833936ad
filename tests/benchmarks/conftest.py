"""The benchmarks are scripts: let the tests import them by bare names."""

import sys
from pathlib import Path

# Last, so that their names hide nobody else's.
sys.path.append(str(Path(__file__).parent.parent.parent / "benchmarks"))
