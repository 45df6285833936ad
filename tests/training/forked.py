"""`pairgen train` in processes that begin with everything imported.

They are processes of their own, to be killed as any other: a server that has imported what a
training needs forks them. Of a test that starts a dozen, imports would be most of the time.
"""

import multiprocessing
import os
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from pairgen.cli import main

# What torch takes by itself in these processes, however many cores there are.
OWN_THREADS = 2
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pairgen.jobs.train.run", "pairgen.teachers.latent_diffusion"])


def start(arguments: list[str], log: Path) -> BaseProcess:
    """Start `pairgen` with these arguments; what it prints goes to the end of `log`."""
    process = CONTEXT.Process(target=_run, args=(arguments, log))
    process.start()
    return process


def _run(arguments: list[str], log: Path) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    torch.set_num_threads(OWN_THREADS)
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    sys.argv = ["pairgen", *arguments]
    main()
