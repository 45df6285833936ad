"""What the state of a set of 10,000 shards behind S3 costs, with a manifest and without.

    PYTHONPATH=. python benchmarks/receipts.py [--num 10000]

The server is moto's, in a process of its own on this machine. `pairgen status` reads a set whose
manifest has all receipts, and one without a manifest, where each receipt is a request. Prints the
time on the clock and the processor seconds of the command and of the server.
"""

import argparse
import logging
import os
import resource
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection

import pairgen
from pairgen.receipts import Receipt
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import encode_receipt, fold, write_manifest
from pairgen.shards.format.plan_file import write_plan
from pairgen.shards.storage.store import open_store
from tests.s3_server import ACCESS
from tests.small_sets import make_plan, receipt_of

# A client of S3 and a server with threads do not outlive a fork.
SPAWN = get_context("spawn")
BUCKET, URL = "pairs", "s3://pairs/set"


def serve(asked: Connection, num: int) -> None:
    """Serve a bucket with receipts; for each message, answer with the processor seconds so far."""
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    # Straight into the server: 10,000 requests would take it minutes.
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    backend.create_bucket(BUCKET, "us-east-1")
    for receipt in receipts(num):
        path = layout.receipt_path(receipt.shard_index)
        backend.put_object(BUCKET, f"set/{path}", encode_receipt(receipt))
    host, port = server.get_host_and_port()
    asked.send(f"http://{host}:{port}")
    while asked.recv():
        asked.send(time.process_time())
    os._exit(0)


def receipts(num: int) -> list[Receipt]:
    return [receipt_of(task) for task in make_plan(num_samples=num, samples_per_shard=1).tasks()]


def look(num: int) -> None:
    """Do what `pairgen status` does."""
    assert pairgen.status(URL).data["num_shards"] == num


def measure(what: str, server: Connection, num: int) -> None:
    server.send(True)
    served, start = server.recv(), time.perf_counter()
    process = SPAWN.Process(target=look, args=(num,))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.start()
    process.join()
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.exitcode:
        raise SystemExit(f"{what}: exit code {process.exitcode}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    server.send(True)
    print(f"| {what} | {seconds:.1f} | {used:.1f} | {server.recv() - served:.1f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num", type=int, default=10_000)
    num = parser.parse_args().num
    os.environ |= ACCESS
    server, asked = SPAWN.Pipe()
    process = SPAWN.Process(target=serve, args=(asked, num), daemon=True)
    process.start()
    os.environ["AWS_ENDPOINT_URL"] = server.recv()
    print(f"{num:,} receipts; load of the machine {os.getloadavg()[0]:.1f}")
    print("| what | seconds | command, processor | server, processor |\n|---|---:|---:|---:|")
    plan = make_plan(num_samples=num, samples_per_shard=1)
    write_plan(open_store(URL), plan)
    measure("no manifest", server, num)
    write_manifest(open_store(URL), fold(plan, receipts(num)))
    measure("a manifest of all", server, num)
    server.send(False)


if __name__ == "__main__":
    main()
