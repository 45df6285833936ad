"""A set with two overlays beside one set with the same members, read by pairgen.Loader in one run.

    python benchmarks/overlays.py [--num-samples 10000] [--repeats 11]

Each sample has a text and four arrays of 4x64x64 float16. Once all lie in one set; once two of the
arrays lie in overlays of their own. Prints one table, medians of `--repeats`, the readers
interleaved, and checks that both give the same bytes.
"""

import argparse
import platform
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from interleaved import interleaved
from loader import SHAPE, pair, pairs_plan, write_samples
from ode import print_table

import pairgen
from pairgen.shards.overlays.overlay import overlay_plan
from pairgen.types import Plan, Sample

ADDED = ("lr2_latent.npy", "src_latent.npy")
FIELDS = ("noise.npy", "latent.npy", "txt")
ARRAY = {"dtype": "float16", "shape": list(SHAPE)}


def whole_sample(plan: Plan, index: int) -> Sample:
    """Return a pair with the added members."""
    sample = pair(plan, index)
    added = {name: -sample.fields["latent.npy"] * (2 + i) for i, name in enumerate(ADDED)}
    return replace(sample, fields={**sample.fields, **added})


def read(loader: pairgen.Loader, num_samples: int) -> None:
    count = 0
    for batch in loader:
        assert batch["lr2_latent.npy"].shape == (len(batch), *SHAPE)
        count += len(batch)
    assert count == num_samples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-samples", type=int, default=10_000)
    parser.add_argument("--samples-per-shard", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=50)
    parser.add_argument("--num-threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=11)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"pairgen {pairgen.__version__}, torch {torch.__version__}, NumPy {np.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}"
    )
    num = args.num_samples
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        plan = pairs_plan(num, args.samples_per_shard, "stored")
        more = dict.fromkeys(ADDED, ARRAY)
        write_samples(root / "whole", replace(plan, members={**plan.members, **more}), whole_sample)
        write_samples(root / "base", plan, pair)
        for name in ADDED:
            members = {"json": {"keys": ["index"]}, name: ARRAY}
            added = overlay_plan(plan, str(root / "base"), members, {})

            def added_sample(_: Plan, index: int, name: str = name) -> Sample:
                fields = {name: whole_sample(plan, index).fields[name]}
                return Sample(index=index, fields=fields, facts={"index": index})

            write_samples(root / name, added, added_sample)
        split = pairgen.TrainingSet(root / "base", overlays=[root / name for name in ADDED])

        def loader(data: Path | pairgen.TrainingSet) -> pairgen.Loader:
            fields = (*FIELDS, *ADDED)
            threads, size = args.num_threads, args.batch_size
            return pairgen.Loader(data, fields=fields, batch_size=size, num_threads=threads)

        kept_whole, kept_split = loader(root / "whole"), loader(split)
        for one, other in zip(loader(root / "whole"), loader(split), strict=True):
            assert one.keys == other.keys and one.texts == other.texts
            assert all(torch.equal(one[name], other[name]) for name in one.tensors)
        medians = interleaved(
            {
                "a set and two overlays, first epoch": lambda: read(loader(split), num),
                "one set, first epoch: sha256, headers": lambda: read(loader(root / "whole"), num),
                "a set and two overlays, checked shards": lambda: read(kept_split, num),
                "one set, checked shards": lambda: read(kept_whole, num),
            },
            args.repeats,
        )
    print_table(f"Overlays: {num} samples of 4 x 4x64x64 float16 and text", medians, num, "samples")


if __name__ == "__main__":
    sys.exit(main())
