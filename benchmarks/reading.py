"""Processor time of reading prompts and image headers, by this checkout and by an earlier commit.

    python benchmarks/reading.py --before COMMIT [--num 100000] [--repeats 5] [--dir DIR]

Makes as many prompts in each format, and as many small images in a folder, a tar and a Parquet
table. A process of its own plans `pairgen ode --model gaussian` or `pairgen collect` on them, this
checkout and the other in turn; the imports are not counted. Prints the medians and their ratio.
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from prompts import write_file

from pairgen.drawing.table import markdown

ROOT = Path(__file__).resolve().parent.parent
PROMPTS = ("txt", "jsonl", "csv", "parquet", "tar", "saved hub dataset")
IMAGES = ("folder", "tar of images", "parquet of images")
SIDE = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", metavar="COMMIT", help="what to compare with")
    parser.add_argument("--num", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sources", nargs="*", default=[*PROMPTS, *IMAGES])
    parser.add_argument("--dir", type=Path, help="where files lie meanwhile")
    parser.add_argument("--plan", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.plan:
        print(json.dumps(planned(*given.plan)))
        return
    rows = [["source", "entries", "before, s", "now, s", "now / before"]]
    with checkout(given.before) as other:
        for name in given.sources:
            rows.append(measured(name, given, other))
            print(f"{name}: {', '.join(rows[-1][2:])}", file=sys.stderr, flush=True)
    print("\n".join(markdown(rows)))


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """Check another commit out, and remove it in the end."""
    with tempfile.TemporaryDirectory() as folder:
        git, tree = ["git", "-C", str(ROOT), "worktree"], str(Path(folder) / "before")
        subprocess.run([*git, "add", "--detach", tree, commit], check=True, capture_output=True)
        try:
            yield Path(tree)
        finally:
            subprocess.run([*git, "remove", "--force", tree], check=True)


def measured(name: str, given: argparse.Namespace, before: Path) -> list[str]:
    """Return the row of a source."""
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        source = write_source(Path(folder), name, given.num)
        seconds: dict[Path, list[float]] = {before: [], ROOT: []}
        for repeat in range(given.repeats):
            for tree, taken in seconds.items():
                out = Path(folder) / f"{tree.name}-{repeat}"
                found = in_process(tree, name, source, out)
                if found["num"] != given.num:
                    raise RuntimeError(f"{name}: {tree} took {found['num']:,} of {given.num:,}")
                taken.append(found["seconds"])
    old, new = (statistics.median(each) for each in seconds.values())
    return [name, f"{given.num:,}", f"{old:.2f}", f"{new:.2f}", f"{new / old:.2f}"]


def in_process(tree: Path, name: str, source: Path, out: Path) -> dict[str, float]:
    """Plan in a process that imports pairgen from a checkout."""
    command = [sys.executable, "-P", __file__, "--plan", name, str(source), str(out)]
    path = os.pathsep.join([str(tree), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONPATH": path}
    run = subprocess.run(command, capture_output=True, text=True, env=environment)
    if run.returncode:
        raise RuntimeError(f"{tree}, {name}: {run.stderr}")
    return json.loads(run.stdout)


def planned(name: str, source: str, out: str) -> dict[str, float]:
    """Plan what is measured; return processor seconds and the number of inputs."""
    import pairgen.teachers.gaussian  # noqa: F401, what every run imports
    from pairgen.jobs.collect.inputs import read_images, resolve_collect
    from pairgen.jobs.ode.run import plan_ode

    start = time.process_time()
    if name in PROMPTS:
        _, plan, _ = plan_ode({"model": "gaussian", "prompts": source, "out": out})
        num = plan.source["num_inputs"]
    else:
        given = {"images": source, "size": SIDE, "out": out, "executor": "serial"}
        plan, _ = read_images(resolve_collect(given), Path(f"{out}.arrow"), lambda _: None)
        num = plan.num_samples
    return {"seconds": time.process_time() - start, "num": num}


def write_source(folder: Path, name: str, num: int) -> Path:
    """Write so many prompts or images."""
    if name in PROMPTS:
        suffix = "" if name.startswith("saved") else f".{name}"
        write_file(folder / f"prompts{suffix}", name, num, long=False)
        return folder / f"prompts{suffix}"
    pictures = [picture(number) for number in range(64)]
    path = folder / name.replace(" ", "-")
    if name == "folder":
        for number in range(num):
            file = path / f"{number // 1000:03d}" / f"{number:09d}.{'png' if number % 2 else 'jpg'}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(pictures[number % len(pictures)])
    elif name.startswith("tar"):
        path = path.with_suffix(".tar")
        with tarfile.open(path, "w") as tar:
            for number in range(num):
                data = pictures[number % len(pictures)]
                info = tarfile.TarInfo(f"{number:09d}.{'png' if number % 2 else 'jpg'}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
                tar.members = []
    else:
        path = path.with_suffix(".parquet")
        cells = [pictures[number % len(pictures)] for number in range(num)]
        pq.write_table(pa.table({"image": cells}), path, row_group_size=1000)
    return path


def picture(number: int) -> bytes:
    """Return a small image: JPEG for even numbers, PNG for odd ones."""
    pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG" if number % 2 else "JPEG")
    return buffer.getvalue()


if __name__ == "__main__":
    main()
