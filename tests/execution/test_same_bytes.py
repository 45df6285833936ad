"""One set of SHA-256 for one plan and batch size, whoever makes it, in whatever order."""

import random
import threading
from pathlib import Path

import pytest

import pairgen
from pairgen.execution.executor import run_serial
from pairgen.execution.progress import Progress
from pairgen.execution.ray.executor import RayOptions, run_ray
from pairgen.execution.worker import Job
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.types import Plan
from tests.runs import shas

OPTIONS = {
    "model": "gaussian",
    "cfg": "3,8",
    "num_samples": 50,
    "samples_per_shard": 12,
    "steps": 6,
    "solver": "heun",
    "trajectory": "999,499",
    "executor": "serial",
}


def prepare(reference: Path, out: Path) -> tuple[Plan, Job]:
    """Lay a copy of the plan and prompts into a new folder, nothing made yet."""
    source, target = open_store(reference), open_store(out)
    for path in ("__meta__/plan.yaml", "__meta__/prompts.arrow"):
        target.put_bytes(path, source.read_bytes(path))
    plan = read_plan(target)
    return plan, Job(plan=plan.to_dict(), store_url=target.url)


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.parametrize(("batch_size", "numbers"), [(1, (2,)), (6, (1, 2, 3)), (16, (2,))])
def test_bytes_are_equal_for_serial_ray_and_any_order(
    batch_size: int, numbers: tuple[int, ...], tmp_path: Path, cluster: None
) -> None:
    reference = tmp_path / "serial"
    manifest = pairgen.ode(**OPTIONS, batch_size=batch_size, out=str(reference))
    assert manifest.complete and manifest.num_samples == 50
    expected = shas(reference)
    assert len(expected) == 10  # 5 tars and their index files

    plan, job = prepare(reference, tmp_path / "shuffled")
    tasks = plan.tasks()
    random.Random(batch_size).shuffle(tasks)
    run_serial(job, tasks, Progress(plan.num_samples, 0), threading.Event())
    assert shas(tmp_path / "shuffled") == expected

    for num_workers in numbers:
        out = tmp_path / f"ray{num_workers}"
        plan, job = prepare(reference, out)
        options = RayOptions(num_workers=num_workers, gpus_per_worker=1.0, address="")
        run_ray(job, plan.tasks(), Progress(plan.num_samples, 0), threading.Event(), options)
        assert shas(out) == expected


def test_the_second_run_makes_nothing(tmp_path: Path) -> None:
    pairgen.ode(**OPTIONS, out=str(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("train/*")}
    pairgen.ode(**OPTIONS, out=str(tmp_path))
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("train/*")} == before


def test_an_extended_set_keeps_its_full_shards_and_equals_one_made_at_once(tmp_path: Path) -> None:
    extended, at_once = tmp_path / "extended", tmp_path / "at_once"
    pairgen.ode(**{**OPTIONS, "num_samples": 30}, out=str(extended))
    first = shas(extended)
    pairgen.ode(out=str(extended), num_samples=50, executor="serial")
    pairgen.ode(**OPTIONS, out=str(at_once))
    assert shas(extended) == shas(at_once)
    assert first["00000.tar"] == shas(extended)["00000.tar"]
    assert first["00002.tar"] != shas(extended)["00002.tar"]  # It was short: 6 of 12.
