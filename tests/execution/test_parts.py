"""`--shard-range`: parts in any order, at once, killed: the bytes of one run."""

import json
import re
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import pairgen
from pairgen.errors import PlanMismatchError
from pairgen.execution.dataset import begin, claim
from pairgen.shard_range import ALL_SHARDS, ShardRange
from pairgen.shards.format import layout
from pairgen.shards.format.manifest import fold_into_manifest, is_untouched
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.overlays.annotations import overlay_address
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import open_store
from tests.runs import QUICK_ODE, kill_group, run, run_many, shas, start, wait_until

PAINTED = {"images": "package:painted", "num_images": 6, "executor": "serial"}
DEGRADE = {**PAINTED, "crop": 64, "scales": 2, "degradation": "bicubic", "samples_per_shard": 2}


def make_parts(call: Any, order: list[int], **options: Any) -> None:
    for part in order:
        call(**options, shard_range=f"{part}/{max(order)}")


def listed(out: Path) -> int:
    """Number of receipts that the manifest lists."""
    return len(json.loads((out / layout.MANIFEST).read_bytes())["receipts"])


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("whole")
    assert pairgen.ode(**QUICK_ODE, out=out).complete
    return shas(out)


@pytest.mark.parametrize("order", [[1], [3, 1, 2], [5, 7, 1, 2, 3, 4, 6], [*range(11, 0, -1)]])
def test_parts_in_any_order_make_the_whole(
    order: list[int], tmp_path: Path, expected: dict[str, str]
) -> None:
    make_parts(pairgen.ode, order, **QUICK_ODE, out=tmp_path)
    assert listed(tmp_path) == 8
    assert shas(tmp_path) == expected
    assert pairgen.verify(tmp_path).clean


def test_a_part_makes_its_shards_and_no_other(tmp_path: Path, expected: dict[str, str]) -> None:
    manifest = pairgen.ode(**QUICK_ODE, out=tmp_path, shard_range="2/3")
    assert [receipt.shard_index for receipt in manifest.receipts] == [2, 3, 4]
    assert [task.shard_index for task in manifest.missing] == [0, 1, 5, 6, 7]
    assert not manifest.complete
    # The rest without parts.
    assert pairgen.ode(**QUICK_ODE, out=tmp_path).complete
    assert shas(tmp_path) == expected


def test_parts_end_with_0_and_say_what_others_have_to_do(tmp_path: Path) -> None:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in QUICK_ODE.items()]
    line = ["ode", *options, f"--out={tmp_path / 'set'}"]
    more_parts_than_shards = [*line[:-1], f"--out={tmp_path / 'many'}", "--shard-range=1/20"]
    said, codes = run_many(
        tmp_path,
        [*line, "--shard-range=2/2"],
        [*line, "--shard-range=1/2"],
        more_parts_than_shards,
        [*line, "--shard-range=3/2"],
    )
    assert codes == [0, 0, 0, 2]
    assert "Part 2/2 is done. Missing shards of other parts: 4." in said
    assert f"Next: pairgen verify {tmp_path / 'set'}" in said
    assert "Part 1/20 is done. Missing shards of other parts: 8." in said
    assert "--shard-range must be I/N with I from 1 to N, such as 3/8, got '3/2'" in said


@pytest.mark.slow
def test_parts_that_begin_at_once_share_one_plan(tmp_path: Path, expected: dict[str, str]) -> None:
    out = tmp_path / "set"
    logs = [tmp_path / f"{part}.log" for part in (1, 2, 3)]
    parts = [
        start(log, "ode", **QUICK_ODE, out=out, shard_range=f"{part}/3")
        for part, log in enumerate(logs, start=1)
    ]
    codes = [part.wait(timeout=200) for part in parts]
    assert codes == [0, 0, 0], [log.read_text() for log in logs]
    assert shas(out) == expected and listed(out) == 8
    assert pairgen.verify(out).clean


@pytest.mark.slow
def test_a_part_that_is_killed_goes_on(tmp_path: Path) -> None:
    options = {**QUICK_ODE, "steps": 200, "solver": "heun", "num_samples": 120}
    out, whole = tmp_path / "set", tmp_path / "whole"
    killed = start(tmp_path / "log", "ode", **options, out=out, shard_range="2/2")
    wait_until(lambda: len(list(out.glob("__meta__/shards/*.json"))) >= 2)
    kill_group(killed)
    num_standing = len(list(out.glob("__meta__/shards/*.json")))
    assert num_standing < 15
    stopped = start(tmp_path / "log", "ode", **options, out=out, shard_range="2/2")
    wait_until(lambda: len(list(out.glob("__meta__/shards/*.json"))) > num_standing + 1)
    stopped.send_signal(signal.SIGINT)
    assert stopped.wait(timeout=60) == 130
    for part in ("1/3", "3/3", "2/3"):
        result = run("ode", **options, out=out, shard_range=part)
        assert result.returncode == 0, result.stderr
    assert pairgen.ode(**options, out=whole).complete
    assert shas(out) == shas(whole)


@pytest.mark.parametrize("call", [pairgen.degrade, pairgen.collect])
def test_sets_of_images_have_parts(call: Any, tmp_path: Path) -> None:
    options = dict(DEGRADE) if call is pairgen.degrade else {**PAINTED, "size": 64}
    options["samples_per_shard"] = 2
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert call(**options, out=whole).complete
    make_parts(call, [2, 1], **options, out=parts)
    assert shas(parts) == shas(whole) and pairgen.verify(parts).clean


def test_lists_of_images_are_written_once(tmp_path: Path) -> None:
    out = tmp_path / "set"
    options: Mapping[str, Any] = {"crop": 64, "scales": 2, "samples_per_shard": 2}
    call = {**options, "degradation": "bicubic", "executor": "serial", "out": out}
    pairgen.degrade(**call, images="package:photographs", shard_range="1/3")
    written = (out / layout.IMAGES).stat()
    pairgen.degrade(**call, images="package:photographs", shard_range="2/3")
    found = (out / layout.IMAGES).stat()
    # Another file in its place would end the reading of parts on other machines.
    assert (found.st_ino, found.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_overlays_have_parts(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("whole", "parts")]
    for folder in folders:
        pairgen.collect(**PAINTED, size=64, samples_per_shard=2, out=folder)
    pairgen.annotate(folders[0], add="canny", executor="serial")
    for part in ("3/3", "1/3", "2/3"):
        pairgen.annotate(folders[1], add="canny", executor="serial", shard_range=part)
    whole, parts = (shas(Path(overlay_address(str(folder), "canny"))) for folder in folders)
    assert len(whole) == 6 and parts == whole


def test_another_dataset_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    pairgen.ode(**QUICK_ODE, out=tmp_path, shard_range="1/20")
    assert shas(tmp_path) == {}
    store = open_store(tmp_path)
    # Others may be about to make shards of it: nothing starts over here.
    assert not is_untouched(store)
    for more in ({"shard_range": "2/20"}, {}):
        with pytest.raises(PlanMismatchError, match=r"seed \(was 0, got 5\)"):
            pairgen.ode(**{**QUICK_ODE, "seed": 5}, out=tmp_path, **more)
    assert read_plan(store).seed == 0


def test_of_two_that_claim_a_folder_the_first_writes_the_plan(tmp_path: Path) -> None:
    pairgen.ode(**QUICK_ODE, out=tmp_path / "a", shard_range="1/20")
    pairgen.ode(**{**QUICK_ODE, "seed": 5}, out=tmp_path / "b", shard_range="1/20")
    plan, other = (read_plan(open_store(tmp_path / name)) for name in "ab")
    store, part = open_store(tmp_path / "c"), ShardRange(1, 2)
    claim(store, None, plan, part)
    claim(store, None, plan, ShardRange(2, 2))
    with pytest.raises(PlanMismatchError, match="seed"):
        claim(store, None, other, part)
    assert read_plan(store) == plan


def test_two_commands_that_begin_at_once_make_the_same_dataset(tmp_path: Path) -> None:
    """The second checked the folder before the first had made anything."""
    pairgen.ode(**QUICK_ODE, out=tmp_path / "a")
    pairgen.ode(**{**QUICK_ODE, "seed": 5}, out=tmp_path / "b", shard_range="1/20")
    store = open_store(tmp_path / "a")
    plan, other = read_plan(store), read_plan(open_store(tmp_path / "b"))
    claim(store, None, plan, ALL_SHARDS)
    with pytest.raises(PlanMismatchError, match=r"seed \(was 0, got 5\)"):
        claim(store, None, other, ALL_SHARDS)


def test_a_part_begins_once(tmp_path: Path, monkeypatch) -> None:
    """It writes the plan before its inputs, and does not look at it again after them."""
    create, found = LocalStore.create_bytes, []

    def create_bytes(self: Any, path: str, data: bytes) -> bool:
        found.append(path)
        return create(self, path, data)

    monkeypatch.setattr(LocalStore, "create_bytes", create_bytes)
    pairgen.ode(**QUICK_ODE, out=tmp_path, shard_range="1/20")
    assert found == [layout.PLAN]
    # A part that continues with the inputs of the folder begins there, too.
    (tmp_path / layout.PARTS).unlink()
    pairgen.ode(out=tmp_path, executor="serial", shard_range="2/20")
    assert found == [layout.PLAN] * 2 and (tmp_path / layout.PARTS).exists()


def test_a_part_lets_the_set_grow(tmp_path: Path) -> None:
    for num in (8, 16):
        for part in ("1/2", "2/2"):
            pairgen.ode(**{**QUICK_ODE, "num_samples": num}, out=tmp_path, shard_range=part)
    assert read_plan(open_store(tmp_path)).num_samples == 16
    assert pairgen.verify(tmp_path).clean and listed(tmp_path) == 4


def test_the_last_to_write_the_manifest_has_seen_all(tmp_path: Path, monkeypatch) -> None:
    """Another command publishes a shard while this one folds the receipts."""
    manifest = pairgen.ode(**QUICK_ODE, out=tmp_path)
    store = open_store(tmp_path)
    late = tmp_path / layout.receipt_path(7)
    content = late.read_bytes()
    late.unlink()
    write = type(store).put_bytes

    def put_bytes(self: Any, path: str, data: bytes) -> None:
        write(self, path, data)
        late.write_bytes(content)

    monkeypatch.setattr(type(store), "put_bytes", put_bytes)
    assert fold_into_manifest(store, manifest.plan).complete
    assert listed(tmp_path) == 8


def test_without_parts_nothing_marks_the_folder(tmp_path: Path) -> None:
    pairgen.ode(**QUICK_ODE, out=tmp_path)
    begin(open_store(tmp_path), read_plan(open_store(tmp_path)), ShardRange(1, 1))
    assert not (tmp_path / layout.PARTS).exists()


def test_a_dry_run_prices_the_part(tmp_path: Path) -> None:
    def cost(part: str) -> str:
        return run("ode", "--dry-run", **QUICK_ODE, out=tmp_path, shard_range=part).stdout

    assert re.search(r"missing +30 samples in 8 shards\n", cost("1/1"))
    assert re.search(r"missing +10 samples in 3 shards of part 3/3\n", cost("3/3"))
    assert not list(tmp_path.iterdir())
