"""Shards of about as many bytes as asked for."""

from pathlib import Path
from typing import Any

import pytest

import pairgen
from pairgen.byte_count import check_bytes
from pairgen.errors import ConfigError
from pairgen.execution.shard_size import known_bytes, samples_for
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.types import Plan
from tests.runs import QUICK_ODE

OWN = ("samples_per_shard", "num_samples")
ODE: dict[str, Any] = {name: it for name, it in QUICK_ODE.items() if name not in OWN}
PAINTED: dict[str, Any] = {"images": "package:painted", "executor": "serial"}


def plan_of(folder: Path) -> Plan:
    return read_plan(open_store(folder))


def shard_sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in sorted((folder / layout.TRAIN).glob("*.tar"))]


@pytest.mark.parametrize(
    ("given", "number"),
    [(5, 5), ("1000", 1000), ("2kB", 2000), ("1.5 MiB", 1572864), ("3g", 3 * 10**9), ("7B", 7)],
)
def test_bytes_are_read_as_people_write_them(given: int | str, number: int) -> None:
    assert check_bytes("shard_bytes", given) == number


@pytest.mark.parametrize("given", ["", 0, "0MB", "MB", "1 EB", "-1", -1, True, "1,5MB", "nan", 1.5])
def test_what_is_no_number_of_bytes_is_refused(given: object) -> None:
    with pytest.raises(ConfigError, match="shard_bytes must be a number of bytes"):
        check_bytes("shard_bytes", given)


def test_the_size_of_an_ode_sample_is_known(tmp_path: Path) -> None:
    pairgen.ode(**ODE, num_samples=40, samples_per_shard=20, out=tmp_path)
    written = shard_sizes(tmp_path)[0]
    # Less than 10 kB of padding at the end of a tar.
    assert 0 <= written - 20 * known_bytes(plan_of(tmp_path)) <= 10_240


def test_shards_of_pairs_have_about_the_bytes_asked_for(tmp_path: Path) -> None:
    pairgen.ode(**ODE, num_samples=300, shard_bytes="200kB", out=tmp_path)
    *full, _ = shard_sizes(tmp_path)
    assert full and all(170_000 < size < 220_000 for size in full)
    plan = plan_of(tmp_path)
    assert plan.samples_per_shard % int(plan.execution["batch_size"]) == 0
    # The folder keeps what was chosen, whatever is asked for later.
    grown = pairgen.ode(num_samples=400, shard_bytes="1MB", out=tmp_path, executor="serial")
    assert grown.complete and plan_of(tmp_path).samples_per_shard == plan.samples_per_shard


@pytest.mark.slow
@pytest.mark.parametrize("command", [pairgen.collect, pairgen.degrade])
def test_shards_of_pictures_are_measured(command: Any, tmp_path: Path) -> None:
    size = {"size": 64} if command is pairgen.collect else {"crop": 64, "scales": 4}
    command(**PAINTED, **size, num_images=64, shard_bytes=200_000, out=tmp_path)
    *full, _ = shard_sizes(tmp_path)
    assert full and all(140_000 < size < 260_000 for size in full)
    assert pairgen.verify(tmp_path).clean


@pytest.mark.slow
def test_buckets_have_one_number_of_samples(tmp_path: Path) -> None:
    options = {"images": "package:photographs", "size": 64, "executor": "serial"}
    made = pairgen.collect(**options, bucket=True, shard_bytes="20kB", out=tmp_path)
    assert made.complete
    plans = {
        read_plan(open_store(path.parent.parent)).samples_per_shard
        for path in tmp_path.glob(f"*/{layout.PLAN}")
    }
    assert len(plans) == 1 and plans != {256}
    again = pairgen.collect(out=tmp_path, executor="serial")
    assert again.complete


def test_two_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"give one of them, got 4 and 1MB"):
        pairgen.ode(**ODE, samples_per_shard=4, shard_bytes="1MB", out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_parts_find_the_size_that_the_first_chose(tmp_path: Path) -> None:
    for part in ("2/2", "1/2"):
        made = pairgen.ode(
            **ODE, num_samples=40, shard_bytes="50kB", shard_range=part, out=tmp_path
        )
    assert made.complete


def test_samples_of_one_prompt_stay_together(tmp_path: Path) -> None:
    pairgen.ode(**{**ODE, "cfg": (1.0, 2.0, 3.0)}, num_samples=12, shard_bytes=1, out=tmp_path)
    plan = plan_of(tmp_path)
    assert plan.samples_per_shard == 3 == samples_for(plan, 0.01)
