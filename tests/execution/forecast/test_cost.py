"""A dry run predicts what the real run then writes, and writes nothing itself."""

import dataclasses
import os
from collections.abc import Iterator
from types import MappingProxyType

import numpy as np
import pytest
import ray

import pairgen
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.execution.forecast.cost import Measured, ShardTime, makespan, price, spread_tasks
from pairgen.execution.forecast.trial import Runs, bytes_per_slot, make_runs, publish_again
from pairgen.execution.ray import executor, options
from pairgen.jobs.degrade.dry_run import run_degrade_dry
from pairgen.receipts import FailedSlot
from pairgen.shards.check.planned import NoInputs
from pairgen.shards.format.writer import ShardWriter, end_size, member_size
from pairgen.shards.storage.local_store import LocalStore
from pairgen.types import Sample, ShardTask
from tests.degradations.pictures import make_picture
from tests.kinds.degrade.test_degrade import encoded
from tests.plans import small_plan
from tests.runs import run, samples, shas

# The packaged photographs: 4 x 15 slots.
OPTIONS = {
    # What the figures below were measured with.
    "degradation": "realesrgan-aligned",
    "crop": 256,
    "scales": "4,8",
    "samples_per_image": 15,
    "samples_per_shard": 16,
    "executor": "serial",
}


class EqualSamples:
    """A maker whose samples all take the same room; every fifth slot is skipped or fails."""

    device, modules, index_columns = "none", (), MappingProxyType({})

    def prepare(self, task: ShardTask) -> None:
        """Do nothing."""

    def make(self, task: ShardTask) -> Iterator[list[Sample | FailedSlot]]:
        for index in range(task.start, task.stop):
            if index % 5 == 4:
                yield [FailedSlot(index=index, reason="flat", skipped=index % 10 == 4)]
            else:
                fields = {"latent.npy": np.zeros((4, 8, 8), np.float16), "txt": "t" * 700}
                yield [Sample(index=index, fields=fields, facts={"index": 1000 + index})]


@pytest.mark.parametrize("num_samples", [1, 7, 12])
def test_the_sizes_are_those_the_writer_writes(num_samples, tmp_path):
    maker, task = EqualSamples(), ShardTask(shard_index=0, start=0, stop=4, fingerprint="")
    samples = [result for results in maker.make(task) for result in results] * num_samples
    with ShardWriter(tmp_path / "0.tar") as writer:
        for number, sample in enumerate(samples):
            writer.write(dataclasses.replace(sample, index=number))
    # 128 + 512 bytes of array, 700 of text, a short json: two, two and one blocks, and headers.
    content = len(samples) * (512 + 1024 + 512 + 1024 + 512 + 512)
    assert member_size(640) == member_size(700) == 512 + 1024
    assert writer.num_bytes == content + end_size(content)
    assert writer.num_bytes == (tmp_path / "0.tar").stat().st_size


def test_a_price_is_exact_where_samples_are_equal(tmp_path):
    plan = small_plan([7.5], num_inputs=5, num_samples=100, samples_per_shard=40)
    plan = dataclasses.replace(plan, kind="degrade", execution={"cpu_threads": 1})
    assert make_runs(plan, EqualSamples(), spread_tasks(plan.tasks(), 20, 1)).num_slots == 20
    whole = make_runs(plan, EqualSamples(), plan.tasks())
    assert (whole.num_slots, whole.num_samples, whole.num_skipped) == (100, 80, 10)
    published = publish_again(plan, LocalStore(tmp_path), EqualSamples(), whole.results)
    assert min(*published.meta_bytes, published.seconds[0]) > 0
    measured = Measured(
        num_slots=whole.num_slots,
        num_samples=whole.num_samples,
        num_skipped=whole.num_skipped,
        bytes_per_slot=bytes_per_slot(whole, NoInputs(plan), plan.tasks()),
        meta_bytes=published.meta_bytes,
        time=whole.slot_time(),
        load_seconds=0.0,
        warm_up_seconds=whole.warm_up_seconds,
        device="none",
    )
    # The inputs say that there are no texts, and are believed.
    sizes = {"json": 0.8 * 1024, "latent.npy": 0.8 * 1536, "txt": 0.8 * 512}
    assert measured.bytes_per_slot == pytest.approx(sizes)
    cost = price(measured, plan, plan.tasks())
    assert cost.member_bytes == {"json": 80 * 1024, "latent.npy": 80 * 1536, "txt": 80 * 512}
    ends = [end_size(count * 3072) for count in (32, 32, 16)]
    assert cost.num_bytes == 80 * 3072 + sum(ends)
    assert (cost.num_samples, cost.num_shards, cost.num_slots) == (80, 3, 100)
    # Nothing is prepared; calls that do nothing take less than a millisecond.
    assert cost.worker_seconds == pytest.approx(sum(whole.run_seconds), abs=1e-3)
    nothing = price(measured, plan, [])
    assert (nothing.num_bytes, nothing.num_shards, nothing.wall_seconds(1)) == (0, 0, 0)


def test_batches_are_timed_by_their_median_and_slots_by_their_mean():
    runs = Runs(
        results=[],
        num_slots=40,
        num_samples=40,
        num_skipped=0,
        member_bytes={},
        run_seconds=[3.0, 90.0, 5.0],
        preparing_seconds=[1.0, 2.0, 0.5],
        first_seconds=36.0,
    )
    assert runs.batch_time(16) == ShardTime(batch_size=16, per_batch=4.0, per_encoding=1.0)
    # What was prepared three times is prepared once per shard.
    assert runs.slot_time() == ShardTime(batch_size=1, per_batch=94.5 / 40, per_shard=1.0)
    assert runs.warm_up_seconds == 30.0


def test_slots_are_spread_evenly_and_runs_stay_inside_their_task():
    tasks = small_plan([7.5], num_inputs=5, num_samples=20, samples_per_shard=8).tasks()
    assert [task.start for task in spread_tasks(tasks, 5, 1)] == [2, 6, 10, 14, 18]
    assert [task.start for task in spread_tasks(tasks, 99, 1)] == list(range(20))
    runs = [(task.start, task.stop) for task in spread_tasks(tasks, 99, 3)]
    assert runs == [(0, 3), (3, 6), (6, 8), (8, 11), (11, 14), (14, 16), (16, 19), (19, 20)]
    assert len(spread_tasks(tasks, 1, 16)) == 1
    assert spread_tasks([], 5, 1) == []
    # As for what is missing of a folder: tasks with a gap between them.
    assert [task.start for task in spread_tasks(tasks[::2], 99, 1)] == [*range(8), *range(16, 20)]


def test_a_shard_belongs_to_one_worker():
    assert [makespan([80, 80, 40], num) for num in (1, 2, 3, 50)] == [200, 120, 80, 80]
    assert [makespan([80, 80, 80, 40], num) for num in (1, 2, 3)] == [280, 160, 120]
    assert makespan([], 4) == 0


def test_the_prediction_for_the_packaged_photographs_holds(tmp_path):
    out = tmp_path / "out"
    said: list[str] = []
    dry = run_degrade_dry({**OPTIONS, "out": str(out)}, 20, said.append)
    assert list(tmp_path.iterdir()) == []
    assert dry.measured.num_slots == 20
    assert "4 images, 60 crops of 256 px" in said[-1]
    manifest = pairgen.degrade(**OPTIONS, out=str(out))
    assert dry.cost.num_shards == len(manifest.receipts) == 4
    assert dry.cost.num_samples == manifest.num_samples == 60
    # Measured: -0.9 %. Other seeds, crops and presets: at most 2.1 % in 16 trials.
    assert dry.cost.num_bytes == pytest.approx(manifest.num_bytes, rel=0.02)
    made = samples(out)
    for name, predicted in dry.cost.member_bytes.items():
        real = sum(member_size(len(sample[name])) for sample in made)
        assert predicted == pytest.approx(real, rel=0.05), name


def test_what_is_missing_of_a_folder_is_priced_with_its_own_options(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.png").write_bytes(encoded(make_picture(80, 80, seed=number)))
    out = tmp_path / "out"
    options = {"images": str(folder), "crop": 64, "samples_per_shard": 2, "executor": "serial"}
    pairgen.degrade(**options, out=str(out))
    whole = run_degrade_dry({"out": str(out), "executor": "serial"})
    assert (whole.cost, whole.measured) == (None, None)
    size = (out / "train/00001.tar").stat().st_size
    for path in (out / "train/00001.tar", out / "__meta__/shards/00001.json"):
        path.unlink()
    before, files = shas(out), sorted(out.rglob("*"))
    dry = run_degrade_dry({"out": str(out), "executor": "serial"})
    # Both missing slots were made: the shard's size is known.
    assert dry.measured.num_slots == 2
    assert (dry.cost.num_slots, dry.cost.num_shards, dry.cost.num_bytes) == (2, 1, size)
    assert run_degrade_dry({**options, "out": str(out)}).cost.num_bytes == size
    with pytest.raises(PlanMismatchError, match=r"crop \(was"):
        run_degrade_dry({"out": str(out), "crop": 32})
    with pytest.raises(ConfigError, match="at least 1 sample, got 0"):
        run_degrade_dry({"out": str(out)}, 0)
    assert (shas(out), sorted(out.rglob("*"))) == (before, files)


def test_the_command_prints_a_sheet_and_leaves_no_folder(tmp_path):
    out = tmp_path / "out"
    options = {"crop": 64, "scales": 2, "degradation": "bicubic", "out": out, "executor": "serial"}
    result = run("degrade", "--dry-run", **options)
    assert result.returncode == 0, result.stderr
    facts = dict(line.split("  ", 1) for line in result.stdout.splitlines() if "  " in line)
    assert facts["missing"].strip() == "4 samples in 1 shard"
    assert facts["measured on"].strip() == "4 of 4 samples, made in memory"
    assert {"json", "png", "lr2.png", "total", "free at --out", "one worker"} <= facts.keys()
    assert facts["this command"].strip().endswith("with 1 worker")
    assert result.stdout.endswith("Nothing was written.\n")
    assert run("degrade", "--dry-run=0", **options).returncode == 2
    assert run("degrade", "--dry-run", **(options | {"images": "gone"})).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_workers_are_counted_without_starting_any():
    num_cores = os.cpu_count() or 1
    assert executor.count_workers("", 0.0) == num_cores
    assert not ray.is_initialized()
    for resources, gpus_per_worker, room in (
        ({"CPU": 16.0, "GPU": 4.0}, 1.0, 4),
        ({"CPU": 16.0, "GPU": 4.0}, 0.5, 8),
        ({"CPU": 16.0, "GPU": 4.0}, 0.0, 16),
        ({"CPU": 0.5}, 1.0, 1),
    ):
        assert options.room_for(resources, gpus_per_worker) == room
