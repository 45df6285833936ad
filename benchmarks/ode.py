"""pairgen ode beside what people do today, in one run.

    python benchmarks/ode.py [--model PATH] [--num-samples 64] [--repeats 5]

Prints three tables, medians of `--repeats`, the peers interleaved with pairgen:
1. the whole run (prompts to verified-able shards) beside a plain diffusers loop that keeps its
   latents in memory, same model, batch size, steps, guidance and thread count;
2. the shard writer beside `webdataset.ShardWriter` with the same arrays;
3. a rescan of finished shards' receipts, as a resumed run does it.
"""

import argparse
import json
import platform
import tempfile
from pathlib import Path

import numpy as np
import torch
import webdataset
from interleaved import interleaved

import pairgen
from pairgen.config import local_path
from pairgen.model_config import find_model
from pairgen.receipts import Receipt
from pairgen.seeding import noise_for
from pairgen.shards.format.manifest import fold, read_receipts, scan
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.writer import ShardWriter
from pairgen.shards.storage.store import open_store
from pairgen.types import Plan, Sample


def print_table(title: str, medians: dict[str, float], num: int, unit: str) -> None:
    print(f"\n{title}")
    base = list(medians.values())[-1]
    for name, seconds in medians.items():
        ratio = base / seconds
        print(f"  {name:<46} {seconds:8.3f} s  {num / seconds:10.1f} {unit}/s  {ratio:5.2f}x")


def bench_run(model: str, num_samples: int, steps: int, batch_size: int, repeats: int) -> None:
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    location = str(local_path(find_model(model).location))
    prompts = [f"picture number {i} of a thing" for i in range(num_samples)]
    pipeline = StableDiffusionPipeline.from_pretrained(
        location, dtype=torch.float32, use_safetensors=True, safety_checker=None
    )
    pipeline.scheduler = DDIMScheduler.from_config(
        pipeline.scheduler.config, timestep_spacing="trailing"
    )
    pipeline.set_progress_bar_config(disable=True)
    unet = pipeline.unet.config
    shape = (unet.in_channels, unet.sample_size, unet.sample_size)

    with tempfile.TemporaryDirectory() as folder:
        prompt_file = Path(folder) / "prompts.txt"
        prompt_file.write_text("\n".join(prompts))
        count = iter(range(10**6))

        def run_pairgen() -> None:
            manifest = pairgen.ode(
                model=model,
                cfg=8,
                prompts=str(prompt_file),
                out=f"{folder}/out{next(count)}",
                steps=steps,
                batch_size=batch_size,
                samples_per_shard=num_samples,
                dtype="float32",
                executor="serial",
            )
            assert manifest.num_samples == num_samples

        def run_diffusers() -> None:
            latents = []
            for first in range(0, num_samples, batch_size):
                batch = prompts[first : first + batch_size]
                noise = [noise_for(0, first + i, shape, "float16") for i in range(len(batch))]
                result = pipeline(
                    batch,
                    latents=torch.from_numpy(np.stack(noise)).float(),
                    guidance_scale=8.0,
                    num_inference_steps=steps,
                    output_type="latent",
                )
                latents.append(result.images)
            assert len(torch.cat(latents)) == num_samples

        runs = {
            "pairgen ode (loads model, writes shards)": run_pairgen,
            "diffusers loop (model loaded, latents in memory)": run_diffusers,
        }
        medians = interleaved(runs, repeats)
    title = f"Run: {num_samples} samples, {steps} steps, CFG 8, batch {batch_size}, 1 thread"
    print_table(title, medians, num_samples, "samples")


def bench_writer(num_samples: int, repeats: int) -> None:
    shape = (4, 64, 64)
    arrays = [noise_for(1, i, shape, "float16") for i in range(64)]

    def facts(i: int) -> dict[str, object]:
        return {"index": i, "seed": 1, "guidance_scale": 8.0, "group": f"1-{i:09d}"}

    with tempfile.TemporaryDirectory() as folder:
        count = iter(range(10**6))

        def run_pairgen() -> None:
            with ShardWriter(Path(folder) / f"{next(count)}.tar") as writer:
                for i in range(num_samples):
                    fields = {"txt": "a prompt", "noise.npy": arrays[i % 64]}
                    fields["latent.npy"] = arrays[(i + 1) % 64]
                    writer.write(Sample(index=i, fields=fields, facts=facts(i)))

        def run_webdataset() -> None:
            pattern = f"{folder}/wds{next(count)}-%05d.tar"
            with webdataset.ShardWriter(pattern, maxcount=num_samples, verbose=0) as writer:
                for i in range(num_samples):
                    writer.write(
                        {
                            "__key__": f"{i:09d}",
                            "txt": "a prompt",
                            "noise.npy": arrays[i % 64],
                            "latent.npy": arrays[(i + 1) % 64],
                            "json": facts(i),
                        }
                    )

        runs = {"pairgen ShardWriter (with sha256)": run_pairgen}
        runs["webdataset.ShardWriter"] = run_webdataset
        medians = interleaved(runs, repeats)
    print_table(
        f"Writer: {num_samples} samples of 2 x 4x64x64 float16", medians, num_samples, "samples"
    )


def bench_rescan(num_shards: int, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prompt_file = Path(folder) / "prompts.txt"
        prompt_file.write_text("one\ntwo\n")
        out = f"{folder}/out"
        made = pairgen.ode(
            model="gaussian",
            cfg=2,
            prompts=str(prompt_file),
            out=out,
            steps=2,
            samples_per_shard=2,
            num_samples=2,
            executor="serial",
        )
        store = open_store(out)
        plan = Plan.from_dict({**read_plan(store).to_dict(), "num_samples": 2 * num_shards})
        fingerprint = plan.fingerprint()
        one = made.receipts[0].to_dict()
        for task in plan.tasks():
            own = {"shard_index": task.shard_index, "start": task.start, "stop": task.stop}
            receipt = Receipt.from_dict({**one, **own, "fingerprint": fingerprint})
            path = Path(out) / f"__meta__/shards/{task.shard_index:05d}.json"
            path.write_text(json.dumps(receipt.to_dict()))

        def run() -> None:
            assert scan(store, plan).complete

        receipts = read_receipts(store)
        runs = {
            "rescan (read and fold receipts)": run,
            "fold alone": lambda: [fold(plan, receipts), None][1],
        }
        medians = interleaved(runs, repeats)
    print_table(f"Rescan of {num_shards} finished shards", medians, num_shards, "shards")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--num-samples", type=int, default=64)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--num-writes", type=int, default=4000)
    parser.add_argument("--num-shards", type=int, default=10_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"pairgen {pairgen.__version__}, torch {torch.__version__}, {platform.machine()}")
    bench_writer(args.num_writes, args.repeats)
    bench_rescan(args.num_shards, args.repeats)
    bench_run(args.model, args.num_samples, args.steps, args.batch_size, args.repeats)


if __name__ == "__main__":
    main()
