"""One dataset each into stores that fail 0, 5, 10 and 20 % of requests, as a table.

    PYTHONPATH=. python benchmarks/failing_store.py [--shards 50] [--executor serial]

The store is moto's S3 server behind a proxy that answers 429, 500 or 503, or closes the connection.
Counted are the requests, the objects whose bytes are not those of a sound local run, and what is
left behind: other objects, unfinished uploads, and files in the temporary folder and the cache.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import s3fs
from _chaos.breaking import FailingStore, s3_store
from chaos import set_of, shas

import pairgen
from pairgen.drawing.table import markdown
from pairgen.shards.storage.store import open_store

SHARES = (0.0, 0.05, 0.1, 0.2)
HEADER = ["requests that fail", "requests", "failed", "exit code", "seconds", "other bytes", "left"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, default=50)
    parser.add_argument("--executor", choices=("ray", "serial"), default="serial")
    options = parser.parse_args()
    rows = [HEADER]
    with tempfile.TemporaryDirectory() as folder:
        desk = Path(folder)
        sound = desk / "sound"
        chosen = set_of(options.shards)
        pairgen.ode(**chosen, out=sound, executor="serial")
        for share in SHARES:
            rows.append(one_store(desk, chosen, sound, share, options.executor))
            print(f"{rows[-1]}", file=sys.stderr, flush=True)
    print("\n".join(markdown(rows)))


def one_store(
    desk: Path, chosen: dict[str, Any], sound: Path, share: float, executor: str
) -> list[str]:
    """Make the dataset in a store; return its row."""
    own = {"XDG_CACHE_HOME": desk / f"cache-{share}", "TMPDIR": desk / f"temporary-{share}"}
    for path in own.values():
        path.mkdir()
    fault = FailingStore(share)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in chosen.items()]
    line = [sys.executable, "-m", "pairgen", "ode", *flags, f"--executor={executor}"]
    with s3_store(fault) as address:
        begun = time.monotonic()
        run = subprocess.run(
            [*line, "--out=s3://pairs/set"],
            env={**os.environ, **{name: str(path) for name, path in own.items()}},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        seconds, counts = time.monotonic() - begun, (fault.num_requests, fault.num_failed)
        if run.returncode:
            print(run.stderr[-2000:], file=sys.stderr)
        fault.share = 0.0
        os.environ["AWS_ENDPOINT_URL"] = address
        made, here = shas(open_store("s3://pairs/set")), shas(open_store(str(sound)))
        others = sum(made.get(path) != sha256 for path, sha256 in here.items())
        left = len(left_in_store(address, sound)) + sum(
            path.is_file() for folder in own.values() for path in folder.rglob("*")
        )
    return [
        f"{share:.0%}",
        *map(str, (*counts, run.returncode)),
        f"{seconds:.0f}",
        str(others),
        str(left),
    ]


def left_in_store(address: str, sound: Path) -> set[str]:
    """Return the objects that a sound run does not have, and the uploads that were begun only."""
    files = s3fs.S3FileSystem(endpoint_url=address, use_listings_cache=False)
    objects = {path.partition("/")[2] for path in files.find("pairs/set")}
    expected = {f"set/{path.relative_to(sound)}" for path in sound.rglob("*") if path.is_file()}
    begun = files.call_s3("list_multipart_uploads", Bucket="pairs").get("Uploads", [])
    return (objects - expected) | {f"upload of {each['Key']}" for each in begun}


if __name__ == "__main__":
    main()
