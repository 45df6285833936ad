"""Check that the model hub answers: one request, five seconds at most."""

from pairgen.jobs.doctor.check import BROKEN, OK, Check
from pairgen.own_process import run_script

SECONDS_TO_ANSWER = 5.0
SECONDS_IN_ALL = 60.0
# Any model will do; this one is what `--model sd15` fetches.
MODEL = "stable-diffusion-v1-5/stable-diffusion-v1-5"
SCRIPT = """
import json, os, sys, threading
from huggingface_hub import HfApi, constants, get_token
seconds = float(sys.argv[1])
found = {"endpoint": constants.ENDPOINT, "token": bool(get_token())}
if constants.HF_HUB_OFFLINE:
    print(json.dumps({**found, "offline": True}))
    sys.exit()
def late():
    print(json.dumps({**found, "error": f"no answer in {seconds:g} s"}), flush=True)
    os._exit(0)
timer = threading.Timer(seconds, late)
timer.daemon = True
timer.start()
try:
    HfApi().model_info(sys.argv[2], timeout=seconds)
except Exception as error:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    found |= {"error": f"{type(error).__name__}: {error}"} if status is None else {"status": status}
print(json.dumps(found), flush=True)
os._exit(0)
"""


def check_hub() -> Check:
    """Request one model's facts from the configured hub; request nothing if it is set offline."""
    outcome = run_script(SCRIPT, SECONDS_IN_ALL, str(SECONDS_TO_ANSWER), MODEL)
    if not outcome.lines:
        return Check("hub", BROKEN, outcome.failure, "pip install huggingface_hub")
    found = outcome.lines[-1]
    endpoint = found["endpoint"]
    token = "with a token" if found["token"] else "without a token (gated models need HF_TOKEN)"
    if found.get("offline"):
        message = f"{endpoint} was not contacted, HF_HUB_OFFLINE is set: models come from the cache"
        return Check("hub", OK, message)
    local = "set HF_ENDPOINT or a proxy, or use local models: --model PATH"
    if "error" in found:
        return Check("hub", BROKEN, f"{endpoint}: {' '.join(found['error'].split())[:200]}", local)
    status = found.get("status", 200)
    if status >= 500:
        return Check("hub", BROKEN, f"{endpoint} answers with status {status}", local)
    if status == 200:
        return Check("hub", OK, f"{endpoint} answers, {token}")
    # It answers, but does not have this model or does not show it.
    return Check("hub", OK, f"{endpoint} answers, {token}; status {status} for {MODEL}")
