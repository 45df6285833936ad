"""Ray: whether it can be imported, and, if asked, whether a cluster of this machine starts."""

import importlib.util
import os

from pairgen.doctor.check import BROKEN, MISSING, OK, Check, run_script

SECONDS_TO_START = 120.0
SCRIPT = """
import json, sys, time
import ray
told = {"version": ray.__version__}
if sys.argv[1] == "deep":
    start = time.perf_counter()
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    assert ray.get(ray.remote(lambda: 1).remote()) == 1
    told["seconds"] = time.perf_counter() - start
    ray.shutdown()
print(json.dumps(told), flush=True)
"""


def check_ray(deep: bool) -> Check:
    """Import Ray, and start a cluster of one core when `deep`."""
    remedy = "pip install 'pairgen[ray]'; without it --executor serial works"
    if importlib.util.find_spec("ray") is None:
        return Check("ray", MISSING, "not installed", remedy)
    outcome = run_script(SCRIPT, SECONDS_TO_START, "deep" if deep else "fast")
    if outcome.failure or not outcome.lines:
        return Check("ray", BROKEN, outcome.failure, remedy)
    found = outcome.lines[-1]
    started = "started here only with --deep"
    if "seconds" in found:
        started = f"a cluster started and ran a task in {found['seconds']:.1f} s"
    address = os.environ.get("RAY_ADDRESS")
    joined = f"; RAY_ADDRESS is {address}: datasets are made there" if address else ""
    return Check("ray", OK, f"{found['version']}, {started}{joined}")
