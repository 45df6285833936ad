"""Check that pairgen itself works: make and verify two pairs with the embedded teacher."""

import subprocess
import sys
import tempfile
import time

from pairgen.jobs.doctor.check import BROKEN, OK, Check

SECONDS_TO_WORK = 300.0


def check_work() -> Check:
    """Make two pairs in a temporary folder, and verify them."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="pairgen-") as folder:
        out = f"{folder}/pairs"
        make = ("ode", "--model=tiny", "--cfg=4", "--steps=2", "--num-samples=2", f"--out={out}")
        for command in ((*make, "--executor=serial"), ("verify", out)):
            run = subprocess.run(  # noqa: S603
                [sys.executable, "-P", "-m", "pairgen", *command],
                capture_output=True,
                text=True,
                cwd=folder,
                timeout=SECONDS_TO_WORK,
            )
            if run.returncode:
                message = " ".join(run.stderr.split())[-300:]
                return Check(
                    "work", BROKEN, f"pairgen {command[0]}: {message}", "see the lines above"
                )
    seconds = time.perf_counter() - start
    return Check(
        "work", OK, f"two pairs of the embedded teacher made and verified in {seconds:.0f} s"
    )
