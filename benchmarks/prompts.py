"""What millions of prompts cost a driver before the first sample: seconds and memory.

    python benchmarks/prompts.py [--num-prompts 10000000] [--formats txt jsonl ...] [--dir DIR]

Makes synthetic prompts of about 70 bytes, one of eleven a repeat, and for each format a process of
its own that does what `pairgen ode --model gaussian` does up to the first shard: reads, judges,
hashes and writes them, plans, writes the plan, and scans the folder. The memory is the highest
resident size of that process, imports and mapped files included. Prints one table.
"""

import argparse
import csv
import gzip
import io
import json
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# A tar holds as many; a tar of ten million would hold 20 GB of headers and padding.
MAX_IN_TAR = 1_000_000
RUNS = {
    "txt": {},
    "txt.gz": {},
    "jsonl": {},
    "csv": {},
    "tsv": {},
    "parquet": {},
    "saved hub dataset": {},
    "tar": {},
    "txt, --dedupe": {"dedupe": True},
    "txt, --shuffle": {"shuffle": True},
    "txt, --dedupe --shuffle --limit": {"dedupe": True, "shuffle": True, "limit": 1_000_000},
    "txt, --long-prompts reject": {"long_prompts": "reject"},
    "txt, every prompt refused": {"long_prompts": "reject"},
}


def prompts(num: int, long: bool) -> Iterator[str]:
    for index in range(num):
        number = index - 5 if index % 11 == 10 else index
        words = "word " * 100 * long
        yield f"a photo of thing {number} on a background of colour {number % 977}, 50 mm {words}🦊"


def write_file(path: Path, kind: str, num: int, long: bool) -> None:
    texts = prompts(num, long)
    if kind == "parquet":
        schema = pa.schema([("prompt", pa.string())])
        with pq.ParquetWriter(path, schema) as writer:
            for batch in batches(texts):
                writer.write_table(pa.table({"prompt": batch}, schema=schema))
    elif kind == "saved hub dataset":
        path.mkdir()
        state = {"_data_files": [{"filename": "data.arrow"}]}
        (path / "state.json").write_text(json.dumps(state))
        schema = pa.schema([("text", pa.string())])
        with (
            pa.OSFile(str(path / "data.arrow"), "wb") as sink,
            pa.ipc.new_stream(sink, schema) as stream,
        ):
            for batch in batches(texts):
                stream.write_table(pa.table({"text": batch}, schema=schema))
    elif kind == "tar":
        with tarfile.open(path, "w") as tar:
            for index, text in enumerate(texts):
                info = tarfile.TarInfo(f"{index:09d}.txt")
                info.size = len(text.encode())
                tar.addfile(info, io.BytesIO(text.encode()))
                tar.members = []
    else:
        with (
            gzip.open(path, "wt", 1) if kind.endswith("gz") else path.open("w", newline="") as file
        ):
            if kind in ("csv", "tsv"):
                table = csv.writer(file, delimiter="," if kind == "csv" else "\t")
                table.writerow(("id", "prompt"))
                table.writerows(enumerate(texts))
            elif kind == "jsonl":
                file.writelines(json.dumps({"prompt": text}) + "\n" for text in texts)
            else:
                file.writelines(f"{text}\n" for text in texts)


def batches(texts: Iterator[str]) -> Iterator[list[str]]:
    batch = []
    for text in texts:
        batch.append(text)
        if len(batch) == 100_000:
            yield batch
            batch = []
    yield batch


def plan(source: str, out: str, options: str) -> None:
    """Do what is measured, in a process of its own; print JSON."""
    import pairgen.teachers.gaussian  # noqa: F401, what every run imports
    from pairgen.jobs.ode.run import plan_ode
    from pairgen.shards.format.manifest import scan
    from pairgen.shards.format.plan_file import read_plan

    imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, start_cpu = time.perf_counter(), time.process_time()
    try:
        store, planned, _ = plan_ode(
            {"model": "gaussian", "prompts": source, "out": out, **json.loads(options)}
        )
        assert planned == read_plan(store)
        num_missing = len(scan(store, planned).missing)
    except ValueError as error:
        planned, num_missing = None, 0
        print(error, file=sys.stderr)
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - start,
                "cpu_seconds": time.process_time() - start_cpu,
                "imported": imported * 1024,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                "num_prompts": planned.source["num_inputs"] if planned else 0,
                "num_tasks": num_missing,
            }
        )
    )


def measure(name: str, num: int, folder: Path) -> tuple[str, ...]:
    kind = name.partition(",")[0]
    num = min(num, MAX_IN_TAR) if kind == "tar" else num
    long = name.endswith("refused")
    suffix = "" if kind.startswith("saved") else f".{kind}"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        source, out = Path(scratch) / f"prompts{suffix}", Path(scratch) / "out"
        write_file(source, kind, num, long)
        line = [sys.executable, __file__, "--plan", str(source), str(out), json.dumps(RUNS[name])]
        run = subprocess.run(line, check=True, stdout=subprocess.PIPE, text=True)
    told = json.loads(run.stdout)
    return (
        name,
        f"{num:,}",
        f"{told['num_prompts']:,}",
        f"{told['num_tasks']:,}",
        f"{told['seconds']:.0f}",
        f"{told['cpu_seconds']:.0f}",
        f"{told['peak'] / 1e6:,.0f} MB ({told['imported'] / 1e6:,.0f} MB after the imports)",
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--num-prompts", type=int, default=10_000_000)
    parser.add_argument("--formats", nargs="*", default=list(RUNS), choices=list(RUNS))
    parser.add_argument("--dir", type=Path, help="where files lie meanwhile")
    parser.add_argument("--plan", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.plan:
        plan(*given.plan)
        return
    rows = [measure(name, given.num_prompts, given.dir) for name in given.formats]
    head = ("source", "entries", "prompts", "tasks", "seconds", "of them CPU", "highest memory")
    for row in (head, ("---",) * len(head), *rows):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
