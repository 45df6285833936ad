"""How the corpus is read, by `make.py` to record what is there and by the test to compare.

Only `pairgen.*` and what the folders hold: the corpus outlives the modules that wrote it.
"""

import hashlib
import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

import pairgen

FOLDER = Path(__file__).parent
# Of a folder that `make.py` writes.
CORPUS, MADE, EXPECTED, PICTURES = "corpus", "made.json", "expected.json", "pictures.npy"

# Whose versions can change bits.
PACKAGES = (
    *("torch", "numpy", "scipy", "opencv-python-headless", "pillow", "pyarrow", "safetensors"),
    *("diffusers", "transformers", "peft", "accelerate"),
)

# What each loader reads: datasets, overlays, options.
LOADS: Mapping[str, tuple[str, list[str], Mapping[str, Any]]] = {
    "pairs": (
        "pairs",
        [],
        {
            "fields": ["noise.npy", "latent.npy", "path.npy", "txt_emb.npy", "txt"],
            "facts": ["pair_index", "prompt_truncated"],
            "batch_size": 4,
            "seed": 5,
            "guidance_embedding": True,
        },
    ),
    "pairs of one guidance, second of two ranks": (
        "pairs",
        [],
        {
            "fields": ["noise.npy", "latent.npy", "txt"],
            "where": "guidance_scale == 8 and index < 9",
            "batch_size": 1,
            "seed": 6,
            "window": 2,
            "rank": 1,
            "world_size": 2,
        },
    ),
    "pairs with an overlay": (
        "pairs",
        ["overlay"],
        {
            "fields": ["latent.npy", "score.npy", "tag.txt"],
            "batch_size": 3,
            "guidance_embedding": True,
        },
    ),
    # The noise is drawn again.
    "seeds": ("seeds", [], {"fields": ["noise.npy", "latent.npy", "txt"], "batch_size": 4}),
    "degraded": (
        "degraded",
        [],
        {
            "fields": ["png", "lr2.png", "lr4.png", "lr8.png", "txt"],
            "facts": ["image", "top", "left"],
            "batch_size": 2,
            "seed": 7,
        },
    ),
}
# The last ones are of the second epoch.
NUM_BATCHES = 4

# What is asked of the run.
SAMPLED = {"prompts": ["a cat", "a red heart"], "seed": 4}
JUDGED = {
    "data": "pairs",
    "allow_training_data": True,
    "where": "guidance_scale == 2",
    "teacher_steps": [1],
    "num_samples": 4,
}
# Two steps on: what the first did to the weights is in the figures of the second.
RESUMED_STEPS = 5
FIGURES = ("step", "student/lr", "student/loss", "student/mse", "student/grad_norm")


def call(command: Mapping[str, Any], **changes: Any) -> Any:
    """Run a command that `made.json` records, in the working directory."""
    return getattr(pairgen, command["call"])(**{**command["options"], **changes})


def machine() -> dict[str, str]:
    """Return what decides the last bits: software, and what computes."""
    cpus = Path("/proc/cpuinfo")
    lines = cpus.read_text(encoding="utf-8").splitlines() if cpus.is_file() else []
    flags = sorted(next((line for line in lines if line.startswith("flags")), "").split())
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "machine": platform.machine(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cpu_flags_sha256": hashlib.sha256(" ".join(flags).encode()).hexdigest(),
    }


def batches(name: str) -> list[dict[str, Any]]:
    """Return what the first batches of a loader of `LOADS` hold, large things as SHA-256."""
    url, overlays, options = LOADS[name]
    loader = pairgen.Loader(pairgen.TrainingSet(url, overlays=overlays), **options)
    epochs = chain.from_iterable(repeat(loader))
    return [_told(batch) for batch in islice(epochs, NUM_BATCHES)]


def _told(batch: Any) -> dict[str, Any]:
    return {
        "indices": batch.indices.tolist(),
        "guidance_scale": None if batch.guidance_scale is None else batch.guidance_scale.tolist(),
        "texts": {name: list(texts) for name, texts in batch.texts.items()},
        "facts": {
            name: fact.tolist() if isinstance(fact, torch.Tensor) else list(fact)
            for name, fact in batch.facts.items()
        },
        "sha256": {
            name: hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()
            for name, tensor in batch.tensors.items()
        },
    }


def figures(line: Mapping[str, Any]) -> dict[str, float]:
    """Return what a line of metrics says, but for speed."""
    return {name: value for name, value in line.items() if name in FIGURES}


def _renamed(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return tensors by today's names: the corpus has adapters under peft's."""
    old = re.compile(r"network\.(.+\.lora_[AB])\.default\.weight")
    return {old.sub(r"adapter.\1.weight", name): each for name, each in tensors.items()}


def checkpoint_hashes(step: int) -> dict[str, str]:
    """Return the SHA-256 of each file of tensors in a checkpoint: their bytes, by today's names."""
    found = {}
    for path in sorted(Path(f"run/checkpoints/{step:08d}").glob("*.safetensors")):
        sha256 = hashlib.sha256()
        for name, tensor in sorted(_renamed(load_file(path)).items()):
            sha256.update(f"{name} {tensor.dtype} {tensor.shape}\n".encode() + tensor.tobytes())
        found[path.name] = sha256.hexdigest()
    return found
