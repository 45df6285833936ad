"""`python -m pairgen ...`, and a JSON file that tells its peak memory when it ends.

python -P measured.py FILE ode --model tiny ...
"""

import json
import resource
import runpy
import sys
from pathlib import Path


def main() -> None:
    file = Path(sys.argv[1])
    sys.argv = ["pairgen", *sys.argv[2:]]
    try:
        runpy.run_module("pairgen", run_name="__main__", alter_sys=True)
    finally:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        # A command that never loaded torch has used no GPU.
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            peak = torch.cuda.max_memory_allocated()
        file.write_text(json.dumps({"peak_gib": peak / 2**30}), encoding="utf-8")


main()
