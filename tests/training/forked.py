"""`pairgen train` in processes of their own, to be killed as any other."""

import os
from pathlib import Path

from tests import warm

# What torch takes by itself in these processes, however many cores there are.
OWN_THREADS = 2
CODE = f"import torch\ntorch.set_num_threads({OWN_THREADS})\n{warm.COMMAND}"


def start(arguments: list[str], log: Path) -> warm.Started:
    """Start `pairgen` with these arguments; what it prints goes to the end of `log`."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    with log.open("ab") as stream, open(os.devnull, "rb") as nothing:
        streams = [nothing.fileno(), stream.fileno(), stream.fileno()]
        return warm.start(["pairgen", *arguments], streams, code=CODE, env=environment)
