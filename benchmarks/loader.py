"""pairgen.Loader beside webdataset, on the same pairs, in one run.

    python benchmarks/loader.py [--num-samples 4096] [--repeats 5]

Writes pairs of Stable Diffusion 1.5's size (noise and latent of 4x64x64 float16, text, facts) to a
temporary folder, once with the noise stored and once as a seed, and reads an epoch of each in
shuffled batches. Prints one table, medians of `--repeats`, the readers interleaved.
"""

import argparse
import hashlib
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
import webdataset
from interleaved import interleaved
from ode import print_table

import pairgen
from pairgen.receipts import Receipt
from pairgen.seeding import NOISE_GENERATOR, array_crc32, noise_for
from pairgen.shards.format.index import encode_index, index_row
from pairgen.shards.format.plan_file import write_plan
from pairgen.shards.format.publish import publish
from pairgen.shards.format.slots import slot_at, slot_facts
from pairgen.shards.format.writer import ShardWriter
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan, Sample

SHAPE = (4, 64, 64)
FIELDS = ("noise.npy", "latent.npy", "txt")


def pairs_plan(num_samples: int, samples_per_shard: int, noise: str) -> Plan:
    array = {"dtype": "float16", "shape": list(SHAPE)}
    facts = ("index", "pair_index", "group", "prompt_index", "seed", "noise_generator")
    keys = sorted((*facts, "guidance_scale", "noise_crc32"))
    members = {"txt": {}, "json": {"keys": keys}, "latent.npy": array}
    if noise == "stored":
        members["noise.npy"] = array
    return Plan(
        kind="ode",
        seed=1,
        num_samples=num_samples,
        samples_per_shard=samples_per_shard,
        source={"name": "made up", "sha256": "", "num_inputs": num_samples},
        teacher={"name": "none", "identity": {}},
        recipe={
            "guidance_scales": [8.0],
            "noise": noise,
            "noise_generator": NOISE_GENERATOR,
            "stored_dtype": "float16",
        },
        members=members,
        execution={},
    )


def pair(plan: Plan, index: int) -> Sample:
    """Return a pair; its latent is half its noise."""
    slot = slot_at(plan, index)
    noise = noise_for(plan.seed, slot.pair_index, SHAPE, "float16")
    fields = {"txt": f"picture number {index} of a thing", "latent.npy": noise / 2}
    if plan.recipe["noise"] == "stored":
        fields["noise.npy"] = noise
    facts = {**slot_facts(plan, slot), "noise_crc32": array_crc32(noise)}
    return Sample(index=index, fields=fields, facts=facts)


def write_samples(folder: Path, plan: Plan, sample_of: Callable[[Plan, int], Sample]) -> None:
    """Write a set as a worker does."""
    store = LocalStore(folder)
    write_plan(store, plan)
    for task in plan.tasks():
        spooled = store.spool("shard.tar")
        rows = []
        with ShardWriter(spooled) as writer:
            for index in range(task.start, task.stop):
                sample = sample_of(plan, index)
                rows.append(index_row(sample, task.shard_index, writer.write(sample)))
        encoded = encode_index(rows)
        receipt = Receipt(
            shard_index=task.shard_index,
            start=task.start,
            stop=task.stop,
            count=len(rows),
            num_bytes=writer.num_bytes,
            sha256=writer.sha256,
            index_sha256=hashlib.sha256(encoded).hexdigest(),
            fingerprint=task.fingerprint,
        )
        publish(store, task, spooled, encoded, receipt)


def with_noise(sample: dict) -> dict:
    """Draw the noise of a sample that webdataset read."""
    facts = sample["json"]
    noise = noise_for(facts["seed"], facts["pair_index"], SHAPE, "float16")
    assert array_crc32(noise) == facts["noise_crc32"]
    return {**sample, "noise.npy": noise}


def webdataset_batches(
    folder: Path, batch_size: int, num_workers: int, draw: bool = False
) -> Iterable[list]:
    shards = sorted(str(path) for path in folder.glob("train/*.tar"))
    dataset = webdataset.WebDataset(shards, shardshuffle=len(shards)).shuffle(1000).decode()
    if draw:
        dataset = dataset.map(with_noise)
    batched = dataset.to_tuple(*FIELDS).batched(batch_size)
    # Workers that stay, so that no epoch pays for their start.
    stay = num_workers > 0
    return webdataset.WebLoader(
        batched, batch_size=None, num_workers=num_workers, persistent_workers=stay
    )


def read_webdataset(loader: Iterable[list], num_samples: int) -> None:
    count = 0
    for noise, latent, texts in loader:
        assert noise.shape == latent.shape == (len(texts), *SHAPE)
        count += len(texts)
    assert count == num_samples


def read_pairgen(loader: pairgen.Loader, num_samples: int) -> None:
    count = 0
    for batch in loader:
        assert batch["noise.npy"].shape == (len(batch.texts["txt"]), *SHAPE)
        count += len(batch)
    assert count == num_samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-samples", type=int, default=4096)
    parser.add_argument("--samples-per-shard", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"pairgen {pairgen.__version__}, webdataset {webdataset.__version__}, "
        f"torch {torch.__version__}, NumPy {np.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}"
    )
    num, size = args.num_samples, args.batch_size
    with tempfile.TemporaryDirectory() as temporary:
        stored, seeds = Path(temporary) / "stored", Path(temporary) / "seeds"
        for folder, noise in ((stored, "stored"), (seeds, "seed")):
            write_samples(folder, pairs_plan(num, args.samples_per_shard, noise), pair)

        def loader(folder: Path) -> pairgen.Loader:
            threads = args.num_threads
            return pairgen.Loader(folder, fields=FIELDS, batch_size=size, num_threads=threads)

        kept, kept_seeds = loader(stored), loader(seeds)
        in_process = webdataset_batches(stored, size, 0)
        workers = webdataset_batches(stored, size, 2)
        drawn = webdataset_batches(seeds, size, 0, draw=True)
        runs = {
            "pairgen.Loader, checked shards": lambda: read_pairgen(kept, num),
            "pairgen.Loader, first epoch: sha256, headers": lambda: read_pairgen(
                loader(stored), num
            ),
            "pairgen.Loader, noise drawn from its seed": lambda: read_pairgen(kept_seeds, num),
            "webdataset, noise drawn in a map": lambda: read_webdataset(drawn, num),
            "webdataset, 2 workers": lambda: read_webdataset(workers, num),
            "webdataset, in process": lambda: read_webdataset(in_process, num),
        }
        medians = interleaved(runs, args.repeats)
    title = f"Reader: {num} samples of 2 x 4x64x64 float16, shuffled batches of {size}"
    print_table(title, medians, num, "samples")


if __name__ == "__main__":
    sys.exit(main())
