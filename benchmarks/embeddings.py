"""Prompt embeddings stored once per distinct prompt, beside the same as members of every sample.

    python benchmarks/embeddings.py [--num-samples 4000] [--repeats 11] [--num-texts 10000000]

Each sample has a text, a noise and a latent of 4x64x64 float16; an embedding is 77x768 float16.
Each prompt repeats `--repeat` times, in other shards. Prints one table, medians of `--repeats`, the
readers interleaved, and checks that both give the same bytes; then what `--num-texts` texts cost to
number, and one of them to find, in seconds of a core.
"""

import argparse
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from interleaved import interleaved
from loader import SHAPE, pair, pairs_plan, write_samples
from ode import print_table

import pairgen
from pairgen.kinds.overlay.distinct_texts import Seen, find_texts, write_texts
from pairgen.kinds.overlay.plan import by_value
from pairgen.shards.format import layout
from pairgen.shards.overlays.overlay import open_layer, overlay_plan
from pairgen.shards.overlays.values import (
    HASH,
    VALUE_HASH,
    covered,
    read_slots,
    read_texts,
    text_hash,
    text_hashes,
    write_slots,
)
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Plan, Sample

MEMBER = "txt_emb.npy"
SPEC = {"dtype": "float16", "shape": [77, 768]}
FIELDS = ("noise.npy", "latent.npy", "txt", MEMBER)


def embedding(number: int) -> np.ndarray:
    """Return the embedding of a prompt."""
    return np.random.default_rng(number).standard_normal((77, 768), np.float32).astype(np.float16)


def read(loader: pairgen.Loader, num_samples: int) -> None:
    count = 0
    for batch in loader:
        assert batch[MEMBER].shape == (len(batch), 77, 768)
        assert batch["latent.npy"].shape == (len(batch), *SHAPE)
        count += len(batch)
    assert count == num_samples


def write_sets(root: Path, num: int, samples_per_shard: int, repeat: int) -> None:
    """Write pairs with and without embeddings, and the overlay of the latter."""
    num_prompts = num // repeat
    plan = pairs_plan(num, samples_per_shard, "stored")

    def sample_of(plan: Plan, index: int) -> Sample:
        sample = pair(plan, index)
        text = f"picture number {index % num_prompts} of a thing"
        return replace(sample, fields={**sample.fields, "txt": text})

    def whole_sample(plan: Plan, index: int) -> Sample:
        sample = sample_of(plan, index)
        return replace(sample, fields={**sample.fields, MEMBER: embedding(index % num_prompts)})

    write_samples(root / "base", plan, sample_of)
    members = {**plan.members, MEMBER: SPEC}
    write_samples(root / "whole", replace(plan, members=members), whole_sample)
    base, overlay = open_layer(LocalStore(root / "base")), LocalStore(root / "by-value")
    texts = find_texts(base, overlay)
    write_texts(texts, base, overlay)
    planned = overlay_plan(plan, str(root / "base"), {"json": {"keys": []}, MEMBER: SPEC}, {})
    planned = by_value(planned, len(texts.hashes), covered(base))
    by_slot = read_texts(overlay).to_pylist()

    def value(_: Plan, slot: int) -> Sample:
        number = int(by_slot[slot].split()[2])
        facts = {"index": slot, "seed": plan.seed, VALUE_HASH: text_hash(by_slot[slot]).hex()}
        return Sample(index=slot, fields={MEMBER: embedding(number)}, facts=facts)

    write_samples(root / "by-value", planned, value)


def num_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure_slots(root: Path, num_texts: int) -> None:
    """Print what it costs to number texts, and to find their slots."""
    store = LocalStore(root / "many")
    (root / "many/__meta__").mkdir(parents=True)
    seen, hashes = Seen(), []
    generator = np.random.default_rng(0)
    start = time.process_time()
    for first in range(0, num_texts, 1000):
        part = np.frombuffer(generator.bytes(16 * min(1000, num_texts - first)), HASH)
        hashes.append(part[seen.take_new(part)])
    numbered = time.process_time()
    write_slots(np.concatenate(hashes), root / "many" / layout.SLOTS)
    written = time.process_time()
    del seen, hashes
    slots = read_slots(store)
    asked = slots.hashes[generator.integers(0, num_texts, 100_000)]
    opened = time.process_time()
    assert (slots.find(asked) >= 0).all()
    found = time.process_time()
    text_hashes(f"picture number {i} of a thing" for i in range(100_000))
    hashed = time.process_time()
    size = (root / "many" / layout.SLOTS).stat().st_size / 1e6
    print(f"\n{num_texts:,} texts, {size:,.0f} MB of slots:")
    print(f"numbered in {numbered - start:.1f} s, written in {written - numbered:.1f} s")
    print(f"a slot is found in {(found - opened) * 10:.2f} us")
    print(f"a text is hashed in {(hashed - found) * 10:.2f} us")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-samples", type=int, default=4000)
    parser.add_argument("--samples-per-shard", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--num-texts", type=int, default=10_000_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"pairgen {pairgen.__version__}, torch {torch.__version__}, NumPy {np.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}"
    )
    num = args.num_samples
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_sets(root, num, args.samples_per_shard, args.repeat)
        sizes = {name: num_bytes(root / name) / 1e6 for name in ("whole", "base", "by-value")}
        print(", ".join(f"{name}: {size:,.0f} MB" for name, size in sizes.items()))
        joined = pairgen.TrainingSet(root / "base", overlays=[root / "by-value"])

        def loader(data: Path | pairgen.TrainingSet) -> pairgen.Loader:
            threads, size = args.num_threads, args.batch_size
            return pairgen.Loader(data, fields=FIELDS, batch_size=size, num_threads=threads)

        kept_whole, kept_joined = loader(root / "whole"), loader(joined)
        for one, other in zip(loader(root / "whole"), loader(joined), strict=True):
            assert one.keys == other.keys and one.texts == other.texts
            assert all(torch.equal(one[name], other[name]) for name in one.tensors)
        medians = interleaved(
            {
                "embeddings by value, first epoch": lambda: read(loader(joined), num),
                "embeddings as members, first epoch": lambda: read(loader(root / "whole"), num),
                "embeddings by value, checked shards": lambda: read(kept_joined, num),
                "embeddings as members, checked shards": lambda: read(kept_whole, num),
            },
            args.repeats,
        )
        print_table(
            f"Embeddings of 77x768: {num} pairs, each prompt {args.repeat} times",
            medians,
            num,
            "samples",
        )
        measure_slots(root, args.num_texts)


if __name__ == "__main__":
    sys.exit(main())
