"""Check the GPUs, the precision of every dtype, and torch.compile."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any

from pairgen.jobs.doctor.check import BROKEN, MISSING, OK, Check
from pairgen.own_process import run_script

SECONDS_FOR_DEVICE = 120.0
SECONDS_TO_COMPILE = 120.0
# Largest relative error of a 256 x 256 matrix product that counts as rounding; TF32 counts as
# rounding of float32.
TOLERANCES = {"float32": 2e-3, "float16": 1e-2, "bfloat16": 5e-2}
COMPILERS = ("c++", "g++", "clang++")

DEVICE_SCRIPT = """
import json, sys, torch
devices = []
cuda = torch.cuda.is_available()
for i in range(torch.cuda.device_count() if cuda else 0):
    facts = torch.cuda.get_device_properties(i)
    free = torch.cuda.mem_get_info(i)[0]
    devices.append([facts.name, facts.total_memory, free, f"{facts.major}.{facts.minor}"])
built = torch.version.cuda or torch.version.hip or ""
print(json.dumps({"torch": torch.__version__, "built": built, "devices": devices}), flush=True)
a, b = torch.randn(2, 256, 256, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
for i in range(max(1, len(devices))):
    device = f"cuda:{i}" if devices else "cpu"
    errors = {}
    for name in json.loads(sys.argv[1]):
        dtype = getattr(torch, name)
        try:
            found = (a.to(device, dtype) @ b.to(device, dtype)).double().cpu()
            errors[name] = float((found - a @ b).norm() / (a @ b).norm())
        except Exception as error:
            errors[name] = f"{type(error).__name__}: {error}"
    print(json.dumps({"device": device, "errors": errors}), flush=True)
"""

COMPILE_SCRIPT = """
import json, time, torch
device = "cuda" if torch.cuda.is_available() else "cpu"
start = time.perf_counter()
def function(x):
    return (x * 2 + 1).relu().sum()
x = torch.linspace(-1, 1, 1000, device=device)
error = abs(float(torch.compile(function)(x)) - float(function(x)))
print(json.dumps({"device": device, "error": error, "seconds": time.perf_counter() - start}))
"""


def check_devices() -> Iterator[Check]:
    """Name the GPUs, and multiply matrices on each in every dtype."""
    outcome = run_script(DEVICE_SCRIPT, SECONDS_FOR_DEVICE, _json_list(TOLERANCES))
    if not outcome.lines:
        yield Check("gpu", BROKEN, outcome.failure, "see the torch line")
        return
    torch, *computed = outcome.lines
    yield _gpu(torch, _driver())
    for each in computed:
        yield _precision(each["device"], each["errors"])
    if outcome.failure:
        yield Check("gpu", BROKEN, outcome.failure, "check whether other programs can use it")


def check_compile() -> Check:
    """Compile a small function, as `--compile` compiles a network."""
    compiler = os.environ.get("CXX") or next(filter(shutil.which, COMPILERS), "")
    if not compiler or not shutil.which(compiler):
        remedy = "install g++ (apt install g++), or do not use --compile"
        return Check("torch.compile", MISSING, "no C++ compiler found", remedy)
    with tempfile.TemporaryDirectory(prefix="pairgen-", ignore_cleanup_errors=True) as cache:
        # Use no earlier result of a compiler, and leave no workers behind.
        env = {"TORCHINDUCTOR_CACHE_DIR": cache, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        outcome = run_script(COMPILE_SCRIPT, SECONDS_TO_COMPILE, env=env)
    if outcome.failure or not outcome.lines:
        remedy = "do not use --compile: nothing else needs it (a busy machine may just be slow)"
        return Check("torch.compile", BROKEN, outcome.failure, remedy)
    found = outcome.lines[-1]
    if found["error"] > 1e-2:
        remedy = "do not use --compile"
        return Check("torch.compile", BROKEN, f"wrong results on {found['device']}", remedy)
    message = f"works on {found['device']}, {found['seconds']:.1f} s for a small function"
    return Check("torch.compile", OK, message)


def _gpu(torch: dict[str, Any], driver: str) -> Check:
    build = f"torch {torch['torch']}"
    build += f" for CUDA or ROCm {torch['built']}" if torch["built"] else " for CPUs"
    if torch["devices"]:
        names = [
            f"{name}, {total / 2**30:.0f} GiB, {free / 2**30:.0f} GiB free, capability {version}"
            for name, total, free, version in torch["devices"]
        ]
        return Check("gpu", OK, f"{'; '.join(names)}; {driver or 'no nvidia-smi'}; {build}")
    if driver:
        why = "cannot use it" if torch["built"] else "is not built for it"
        remedy = "install the torch build for this driver: https://pytorch.org/get-started/locally"
        if os.environ.get("CUDA_VISIBLE_DEVICES") == "":
            remedy = "CUDA_VISIBLE_DEVICES is empty: unset it"
        return Check("gpu", BROKEN, f"{driver}, but {build} {why}", remedy)
    remedy = "everything runs on the CPU, but large models need a GPU"
    return Check("gpu", MISSING, f"none found; {build}", remedy)


def _precision(device: str, errors: dict[str, float | str]) -> Check:
    good, bad = [], []
    for name, error in errors.items():
        if isinstance(error, float) and error < TOLERANCES[name]:
            good.append(f"{name} {error:.0e}")
        else:
            bad.append(f"{name} {error if isinstance(error, str) else f'{error:.0e}'}")
    found = "; ".join([f"relative error of a matrix product: {', '.join(good)}"] * bool(good) + bad)
    status = BROKEN if bad else OK
    remedy = f"use another --dtype than {', '.join(b.split()[0] for b in bad)}" if bad else ""
    return Check(f"precision {device}", status, found, remedy)


def _driver() -> str:
    """Return the driver that nvidia-smi reports; empty without one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    query = [program, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        found = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    lines = sorted({line.strip() for line in found.stdout.splitlines() if line.strip()})
    return f"driver of {'; '.join(lines)}" if lines else ""


def _json_list(names: Any) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"
