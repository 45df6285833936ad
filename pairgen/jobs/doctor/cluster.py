"""Check that a Ray cluster starts on this machine. The extra's check covers importing Ray."""

import importlib.util
import os

from pairgen.jobs.doctor.check import BROKEN, MISSING, OK, Check
from pairgen.own_process import run_script

SECONDS_TO_START = 120.0
REMEDY = "pip install 'pairgen[ray]'; without Ray, use --executor serial"
SCRIPT = """
import json, time
import ray
start = time.perf_counter()
ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
assert ray.get(ray.remote(lambda: 1).remote()) == 1
print(json.dumps(time.perf_counter() - start), flush=True)
ray.shutdown()
"""


def check_ray() -> Check:
    """Start a one-core cluster on this machine, and run a task on it."""
    if importlib.util.find_spec("ray") is None:
        return Check("ray", MISSING, "not installed", REMEDY)
    outcome = run_script(SCRIPT, SECONDS_TO_START)
    if outcome.failure or not outcome.lines:
        return Check("ray", BROKEN, outcome.failure, REMEDY)
    address = os.environ.get("RAY_ADDRESS")
    joined = f"; RAY_ADDRESS is {address}: datasets will be made there" if address else ""
    seconds = outcome.lines[-1]
    return Check("ray", OK, f"a cluster started and ran a task in {seconds:.1f} s{joined}")
