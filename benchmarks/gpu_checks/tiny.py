"""The embedded model on the GPU: close to the CPU, the same bytes again, finite in half."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import pairgen
from gpu_checks.commands import run
from gpu_checks.setting import Row, Setting, verdict

# Root mean square of the difference, beside that of the latents. cuDNN's convolutions round to 10
# bits by torch's default, and the latents are stored with 11.
CLOSE = 0.02


def check(setting: Setting) -> Iterator[Row]:
    """Make one set on the GPU twice, on the CPU, and in float16 and bfloat16."""
    num = 4 if setting.small else 32
    options = {
        "model": "tiny",
        "cfg": 7.5,
        "steps": 2 if setting.small else 20,
        "num_samples": num,
        "samples_per_shard": num // 2,
        "batch_size": num // 4,
        "executor": "serial",
    }

    def made_here(name: str, **more: str) -> Path:
        out = setting.folder / name
        pairgen.ode(**options, **more, out=str(out))
        return out

    def made_apart(name: str, on_gpu: bool) -> Path:
        out = setting.folder / name
        run(setting, "ode", on_gpu=on_gpu, out=out, **options).check()
        return out

    # This process has computed nothing before.
    first = made_here("first")
    digest = tree_digest(first)
    same = digest == tree_digest(made_apart("second", on_gpu=True))
    yield Row(
        "float32, two processes",
        digest[:16] if same else "DIFFERENT",
        "sha256",
        "every shard and index equal" if same else "shards or indexes differ",
        failed=not same,
    )
    on_cpu, on_gpu = latents(made_apart("cpu", on_gpu=False)), latents(first)
    error = rms(on_gpu - on_cpu) / rms(on_cpu)
    yield Row(
        "float32, GPU beside CPU",
        error,
        "of the latents' RMS",
        f"RMS of the difference; the largest is {abs(on_gpu - on_cpu).max():.2g}, "
        f"the latents' RMS {rms(on_cpu):.2g}; at most {CLOSE} passes",
        failed=not error <= CLOSE,
    )
    for dtype in ("float16", "bfloat16"):
        out = made_here(dtype, dtype=dtype)
        found, retried = latents(out), num_retried(out)
        finite = len(found) == num and bool(np.isfinite(found).all()) and not retried
        note = f"{len(found)} of {num} samples, {retried} made again in float32; "
        note += f"RMS of the difference to float32 {rms(found - on_gpu) / rms(on_gpu):.2g}"
        yield verdict(f"{dtype}, finite", finite, note)
    clean = pairgen.verify(str(first)).clean and pairgen.verify(str(out)).clean
    yield verdict("verify", clean, "the float32 set and the bfloat16 one")


def tree_digest(out: Path) -> str:
    """Return one SHA-256 of all shards and indexes of a set."""
    digest = hashlib.sha256()
    for file in sorted([*out.glob("train/*.tar"), *out.glob("__meta__/index/*")]):
        digest.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def latents(out: Path) -> np.ndarray:
    """Return the latents of a set in order, [N, C, H, W] float32."""
    return np.stack([np.load(io.BytesIO(data)) for data in members(out, ".latent.npy")]).astype(
        np.float32
    )


def num_retried(out: Path) -> int:
    """Return how many samples of a set were made again in float32."""
    return sum(json.loads(data)["float32_retry"] for data in members(out, ".json"))


def members(out: Path, ending: str) -> Iterator[bytes]:
    """Yield the members of a set with an ending, in order."""
    for path in sorted(out.glob("train/*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                if member.name.endswith(ending):
                    yield tar.extractfile(member).read()


def rms(values: np.ndarray) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
