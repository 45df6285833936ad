"""Make the golden corpus: small folders of every kind, as a user of this version has them.

    python -m tests.golden.make FOLDER [--replace]

Run in the repository, on a commit without changes. Writes `corpus/`, `made.json` (by what it was
made), `expected.json` and `pictures.npy` (what a later version must find in it) into FOLDER, and
replaces what stands there only when told. The committed ones were made by the code before the
modules moved: they are worth something because they are old. Make them again only for a new format,
and then in another folder beside the old ones.

corpus/
  model/         a Stable Diffusion with as few weights as its classes take
  prompts.txt    photographs/
  pairs/         by that model: two guidance scales, a trajectory, embeddings; last shard short
  interrupted/   the same command, stopped by Ctrl-C
  seeds/         by the embedded teacher, noise as seeds
  degraded/      three levels; refused images and slots that have no sample
  overlay/       of pairs
  run/           a student of pairs with adapters of rank 1, and the checkpoint after its 3 steps
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import pairgen
from tests import small_sets, true_classes
from tests.golden.reading import (
    CORPUS,
    EXPECTED,
    JUDGED,
    LOADS,
    MADE,
    PICTURES,
    RESUMED_STEPS,
    SAMPLED,
    batches,
    call,
    checkpoint_hashes,
    figures,
    machine,
)

REPOSITORY = Path(__file__).parent.parent.parent
# A plan names its model, and a list of images its files, by absolute path: here by one of nobody.
NEUTRAL = Path("/tmp/golden")
HOST = "golden"

PROMPTS = "a red heart\na blue book on white background\n\nnaïve 猫 🐯\n"
PAIRS = {
    "model": "model",
    "prompts": "prompts.txt",
    "cfg": "2,8",
    "steps": 4,
    "trajectory": "999,499",
    "store_embeddings": True,
    "num_samples": 10,
    "samples_per_shard": 4,
    "batch_size": 4,
    "dtype": "float32",
    "seed": 3,
    "executor": "serial",
}
# By name of the folder. Paths are relative to the corpus.
COMMANDS: Mapping[str, Mapping[str, Any]] = {
    "pairs": {"call": "ode", "options": {**PAIRS, "out": "pairs"}},
    "interrupted": {"call": "ode", "options": {**PAIRS, "out": "interrupted"}},
    "seeds": {
        "call": "ode",
        "options": {
            "model": "tiny",
            "prompts": "prompts.txt",
            "cfg": 4,
            "negative_prompt": "a grey square",
            "noise": "seed",
            "solver": "dpmpp_2m",
            "spacing": "logsnr",
            "steps": 3,
            "num_samples": 6,
            "samples_per_shard": 4,
            "batch_size": 4,
            "seed": 11,
            "executor": "serial",
            "out": "seeds",
        },
    },
    "degraded": {
        "call": "degrade",
        "options": {
            "images": "photographs",
            "scales": "4,8",
            "crop": 48,
            "samples_per_image": 3,
            "min_sharpness": 5,
            "samples_per_shard": 4,
            "seed": 2,
            "executor": "serial",
            "out": "degraded",
        },
    },
    "run": {
        "call": "train",
        "options": {
            "method": "regression",
            "data": "pairs",
            "model": "model",
            "where": "guidance_scale == 2",
            "steps": 3,
            "batch_size": 2,
            "lora_rank": 1,
            "ema_decay": 0.9,
            # Large, so that moments and averages that are lost are seen after few steps.
            "lr": 0.02,
            "warmup_steps": 2,
            "log_every": 1,
            "grid_every": 0,
            "num_grid_prompts": 2,
            # Its files have the host in their names.
            "tensorboard": False,
            "cpu_threads": 1,
            "out": "run",
        },
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--replace", action="store_true", help="what stands in the folder")
    args = parser.parse_args()
    target = args.folder.absolute()
    if (target / CORPUS).exists() and not args.replace:
        parser.error(f"{target / CORPUS} exists: give another folder, or --replace.")
    commit = _clean_commit()
    # The receipts name the host.
    socket.gethostname = lambda: HOST
    NEUTRAL.mkdir()
    try:
        with contextlib.chdir(NEUTRAL):
            _make_corpus()
        check_neutral(NEUTRAL)
        expected, pictures = _expect()
        shutil.rmtree(target / CORPUS, ignore_errors=True)
        shutil.copytree(NEUTRAL, target / CORPUS)
    finally:
        shutil.rmtree(NEUTRAL)
    made = {"commit": commit, "machine": machine(), "commands": COMMANDS}
    _write_json(target / MADE, made)
    _write_json(target / EXPECTED, expected)
    np.save(target / PICTURES, pictures)


def _clean_commit() -> str:
    """Return the commit that makes the corpus."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(REPOSITORY), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    if git("status", "--porcelain", "pairgen", "configs"):
        raise SystemExit("pairgen/ or configs/ has changes that no commit has.")
    return git("log", "-1", "--format=%H", "--", "pairgen", "configs")


def _make_corpus() -> None:
    """Make every folder in the working directory."""
    true_classes.write_smallest(Path("model"))
    for path in Path("model").rglob("*.safetensors"):
        path.chmod(0o644)
    Path("prompts.txt").write_text(PROMPTS, encoding="utf-8")
    _paint(Path("photographs"))
    plan = call(COMMANDS["pairs"]).plan
    _interrupt(COMMANDS["interrupted"])
    call(COMMANDS["seeds"])
    call(COMMANDS["degraded"])
    # No command makes overlays yet: written as the tests of the loader do.
    small_sets.write_overlay(Path("overlay").absolute(), small_sets.overlay_plan(plan))
    call(COMMANDS["run"])
    for spool in Path().glob("*/__meta__/tmp"):
        spool.rmdir()


def _paint(folder: Path) -> None:
    """Write two pictures with captions, one that is too flat for a crop, and one that is torn."""
    folder.mkdir()
    y, x = np.mgrid[:72, :96] / 96
    rings = np.sin(40 * np.hypot(x - 0.4, y - 0.3))
    bars = np.sign(np.sin(9 * x + 25 * y))
    painted = {"bars.jpg": (bars, y, x), "rings.png": (rings, rings * x, y)}
    for name, channels in painted.items():
        levels = np.stack([127 + 110 * channel for channel in channels], axis=-1)
        Image.fromarray(levels.clip(0, 255).astype(np.uint8)).save(folder / name, quality=90)
        (folder / name).with_suffix(".txt").write_text(f"{name}, painted\n", encoding="utf-8")
    Image.new("RGB", (80, 64), (90, 120, 150)).save(folder / "fog.png")
    (folder / "torn.jpg").write_bytes((folder / "bars.jpg").read_bytes()[:40])


def _interrupt(command: Mapping[str, Any]) -> None:
    """Run a command and press Ctrl-C while it makes its first shard, which it finishes."""
    spool = Path(command["options"]["out"]) / "__meta__/tmp"

    def press() -> None:
        while not list(spool.glob("*.tar")):
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press, daemon=True)
    thread.start()
    manifest = call(command)
    thread.join()
    assert len(manifest.receipts) == 1, "Ctrl-C came too late: try again."


def _expect() -> tuple[dict[str, Any], np.ndarray]:
    """Return what a later version must find, and the student's pictures: then, and resumed."""
    with _scratch_copy():
        pictures = [pairgen.sample(model="run", **SAMPLED).pictures]
        judged = pairgen.evaluate("run", **JUDGED).figures["rows"]
        pairgen.train("regression", out="run", resume=True, steps=RESUMED_STEPS)
        pictures.append(pairgen.sample(model="run", **SAMPLED).pictures)
        lines = Path("run/metrics.jsonl").read_text(encoding="utf-8").splitlines()
        sets = ("pairs", "interrupted", "seeds", "degraded", "overlay")
        expected = {
            "fingerprints": {
                name: pairgen.inspect(name).data["plan"]["fingerprint"] for name in sets
            },
            "batches": {name: batches(name) for name in LOADS},
            "latent_relative_rms": {row["name"]: row["latent_relative_rms"] for row in judged},
            "metrics": [figures(json.loads(line)) for line in lines],
            "checkpoint": checkpoint_hashes(RESUMED_STEPS),
        }
    return expected, np.stack(pictures)


@contextlib.contextmanager
def _scratch_copy() -> Iterator[None]:
    """Work on a copy: nothing that is asked of the corpus may be left in it."""
    copy = NEUTRAL.with_name(f"{NEUTRAL.name}-copy")
    shutil.copytree(NEUTRAL, copy)
    try:
        with contextlib.chdir(copy):
            yield
    finally:
        shutil.rmtree(copy)


def check_neutral(folder: Path) -> None:
    """Fail when a file names this machine, its user or this checkout."""
    host = subprocess.run(["uname", "-n"], check=True, capture_output=True).stdout.strip()
    told = [os.fsencode(path) for path in (REPOSITORY, Path.home())] + [b'"' + host + b'"']
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found = [each for each in told if each in path.read_bytes()]
            assert not found, f"{path} holds {found}"


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
