"""A dry run of `ode` predicts what the real run writes, and refuses what it refuses."""

import dataclasses
from pathlib import Path

import pytest
from click.testing import CliRunner

import pairgen
from pairgen.cli import cli
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.execution.forecast.cost import Measured, ShardTime, price
from pairgen.execution.forecast.other_way import measure_other_way
from pairgen.jobs.ode.dry_run import run_ode_dry
from pairgen.jobs.ode.run import run_ode
from pairgen.shards.format.input_lists import with_list
from pairgen.shards.format.layout import PROMPTS
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.slots import num_prompts
from pairgen.shards.format.writer import member_size
from pairgen.shards.storage.local_store import LocalStore
from tests.plans import small_plan
from tests.runs import run, samples, shas

OPTIONS = {
    "model": "gaussian",
    "cfg": "3,8",
    "num_samples": 220,
    "samples_per_shard": 72,
    "batch_size": 16,
    "steps": 5,
    "trajectory": "999,499",
    "executor": "serial",
}


def prompt_file(folder: Path) -> Path:
    """Write prompts whose lengths repeat themselves, and grow to the end."""
    path = folder / "prompts.txt"
    lines = [f"{number} " + "word " * (40 * (number % 10) + number) for number in range(100)]
    path.write_text("\n".join([*lines, "", " "]))
    return path


def measured_with(time: ShardTime) -> Measured:
    """Return what 10 slots cost that take 1,000 bytes each."""
    return Measured(
        num_slots=10,
        num_samples=10,
        num_skipped=0,
        bytes_per_slot={"txt": 1000.0},
        meta_bytes=(300.0, 7.0),
        time=time,
        load_seconds=0.0,
        warm_up_seconds=0.0,
        device="",
    )


def test_a_shard_is_priced_by_whole_batches_which_do_not_cross_it():
    plan = small_plan([7.5], num_inputs=100, num_samples=90, samples_per_shard=40)
    time = ShardTime(batch_size=16, per_batch=2.0)
    # 40, 40 and 10 slots: 3, 3 and 1 batches; by the slot it would be 11.25 s.
    cost = price(measured_with(time), plan, plan.tasks())
    assert cost.shard_seconds == [6.0, 6.0, 2.0]
    assert cost.worker_seconds == 14.0
    assert [cost.wall_seconds(num) for num in (1, 2, 3, 9)] == [14.0, 8.0, 6.0, 6.0]
    assert (cost.num_shards, cost.num_samples) == (3, 90)
    assert cost.meta_bytes == 3 * 300 + 90 * 7


def test_distinct_prompts_are_priced_once_a_shard():
    time = ShardTime(batch_size=8, per_batch=0.0, per_encoding=1.0, per_shard=0.25, per_slot=0.5)
    cases = (([7.5], 100, 40), ([3.0, 8.0], 100, 20), ([3.0, 8.0], 5, 5), ([7.5], 33, 33))
    for scales, num_inputs, distinct in cases:
        plan = small_plan(scales, num_inputs=num_inputs, num_samples=80, samples_per_shard=40)
        for task in plan.tasks():
            assert num_prompts(plan, task) == distinct
            assert time.seconds(40, distinct) == -(-distinct // 8) + 0.25 + 40 * 0.5
    degraded = dataclasses.replace(plan, kind="degrade")
    assert num_prompts(degraded, degraded.tasks()[0]) == 0


def test_the_prediction_holds_and_nothing_is_written(tmp_path):
    options = {**OPTIONS, "prompts": str(prompt_file(tmp_path)), "out": str(tmp_path / "a/out")}
    said: list[str] = []
    before = sorted(tmp_path.rglob("*"))
    dry = run_ode_dry(options, 32, said.append)
    assert sorted(tmp_path.rglob("*")) == before
    told: list[str] = []
    manifest = run_ode(options, told.append).manifest
    assert said == told
    # Nothing was written, so there is no list yet.
    plan = with_list(dry.manifest.plan, manifest.plan.source["list_sha256"])
    assert (plan, dry.manifest.missing) == (
        manifest.plan,
        tuple(manifest.plan.tasks()),
    )
    # Three batches at least, in the middle of equal parts: of 72 slots the fifth batch is short.
    assert dry.measured.num_slots in (40, 48)
    assert dry.cost.num_samples == manifest.num_samples == 220
    assert dry.cost.num_shards == len(manifest.receipts) == 4
    made = samples(tmp_path / "a/out")
    for name, predicted in dry.cost.member_bytes.items():
        assert predicted == sum(member_size(len(sample[name])) for sample in made), name
    assert dry.cost.num_bytes == pytest.approx(manifest.num_bytes, rel=0.02)
    meta = sum(path.stat().st_size for path in (tmp_path / "a/out/__meta__").rglob("*.*"))
    assert dry.cost.meta_bytes + dry.input_bytes == pytest.approx(meta, rel=0.3)
    time = dry.measured.time
    assert time.batch_size == 16
    assert min(time.per_batch, time.per_encoding, time.per_shard, dry.measured.load_seconds) > 0
    assert dry.other_way.compile
    assert "less than 60 s" in dry.other_way.reason
    assert dry.other_cost() is None


def test_what_is_missing_of_a_folder_is_priced_with_its_own_options(tmp_path):
    out = tmp_path / "out"
    prompts = prompt_file(tmp_path)
    pairgen.ode(**OPTIONS, prompts=str(prompts), out=str(out))
    short = {"out": str(out), "executor": "serial"}
    whole = run_ode_dry(short)
    assert (whole.cost, whole.measured, whole.other_way) == (None, None, None)
    size = (out / "train/00003.tar").stat().st_size
    for path in (out / "train/00003.tar", out / "__meta__/shards/00003.json"):
        path.unlink()
    before, files = shas(out), sorted(out.rglob("*"))
    # The last shard has 4 slots: one batch, which is padded.
    dry = run_ode_dry(short)
    assert (dry.measured.num_slots, dry.cost.num_slots, dry.cost.num_bytes) == (4, 4, size)
    # A set that grows makes its short shard again.
    grown = run_ode_dry({**short, "num_samples": 320})
    assert (grown.cost.num_slots, grown.cost.num_shards) == (320 - 3 * 72, 2)
    with pytest.raises(PlanMismatchError, match=r"steps \(was"):
        run_ode_dry({**short, "steps": 6})
    with pytest.raises(PlanMismatchError, match="prompts"):
        other = tmp_path / "other.txt"
        other.write_text("something else\n")
        run_ode_dry({**short, "prompts": str(other)})
    with pytest.raises(ConfigError, match="at least 1 sample, got 0"):
        run_ode_dry(short, 0)
    (out / PROMPTS).unlink()
    with pytest.raises(ConfigError, match="give the original --prompts again"):
        run_ode_dry(short)
    assert (shas(out), sorted([*out.rglob("*"), out / PROMPTS])) == (before, files)


@pytest.mark.parametrize(
    "wrong",
    [
        {"solver": "dimm"},
        {"num_samples": 221},
        {"samples_per_shard": 71},
        {"trajectory": "1500"},
        {"prompts": "gone.txt"},
        {"noise": "none"},
        {"model": "sd1.5"},
        {"cfg": "x"},
    ],
)
def test_what_the_run_refuses_the_dry_run_refuses_in_the_same_words(wrong, tmp_path):
    options = {**OPTIONS, **wrong, "out": str(tmp_path / "out")}
    refused = []
    for command in (run_ode_dry, run_ode):
        with pytest.raises(ConfigError) as error:
            command(options)
        refused.append(str(error.value))
    assert refused[0] == refused[1]
    assert list(tmp_path.iterdir()) == []


def test_folders_are_refused_as_by_the_run(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(ConfigError, match="files that pairgen did not make"):
        run_ode_dry({**OPTIONS, "out": str(tmp_path)})
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        run_ode_dry({**OPTIONS, "out": str(tmp_path / "file/out")})


def test_the_other_way_is_measured_in_its_own_process_or_says_why_not(tmp_path):
    pairgen.ode(**{**OPTIONS, "num_samples": 32}, out=str(tmp_path))
    store = LocalStore(tmp_path)
    plan = read_plan(store)
    way = measure_other_way(plan, store, plan.tasks())
    assert (way.compile, way.reason) == (True, "")
    assert way.per_batch > 0
    compiled = dataclasses.replace(plan, execution={**plan.execution, "compile": True})
    slow = measure_other_way(compiled, store, plan.tasks(), limit=0.01)
    assert (slow.compile, slow.per_batch) == (False, None)
    assert slow.reason == "not finished after 0 s"
    lost = dataclasses.replace(plan, teacher={**plan.teacher, "identity": {"sha256": "0"}})
    assert "do not match the plan" in measure_other_way(lost, store, plan.tasks()).reason


def test_the_command_prints_a_sheet_and_leaves_no_folder(tmp_path):
    out = tmp_path / "out"
    options = {**OPTIONS, "out": out, "num_workers": 3, "price_per_gpu_hour": 2.5}
    result = run("ode", "--dry-run", "--preemptions=5%", **options)
    assert result.returncode == 0, result.stderr
    facts = dict(line.split("  ", 1) for line in result.stdout.splitlines() if "  " in line)
    assert facts["missing"].strip() == "220 samples in 4 shards"
    assert {"json", "txt", "latent.npy", "noise.npy", "path.npy", "startup"} <= facts.keys()
    assert {"total", "__meta__", "with --compile", "price", "preemptions"} <= facts.keys()
    assert facts["this command"].strip().endswith("with 1 worker")
    assert "with 3 workers" in facts["--executor ray"]
    assert result.stdout.endswith("Nothing was written.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--price-per-gpu-hour=1"], "--price-per-gpu-hour works only with --dry-run"),
        (["--preemptions=5%"], "--preemptions works only with --dry-run"),
        (["--dry-run", "--preemptions=5"], "'5' is not a percentage"),
        (["--dry-run", "--preemptions=100%"], "'100%' is not a percentage"),
        (["--dry-run", "--preemptions=nan%"], "'nan%' is not a percentage"),
        (["--dry-run", "--price-per-gpu-hour=-1"], "price-per-gpu-hour must be 0 or more"),
        (["--dry-run", "--price-per-gpu-hour=nan"], "must be 0 or more, got nan"),
        (["--dry-run", "--price-per-gpu-hour=inf"], "must be 0 or more, got inf"),
    ],
)
def test_wrong_questions_are_refused(flags, message, tmp_path):
    out = str(tmp_path / "out")
    result = CliRunner().invoke(cli, ["ode", "--model=gaussian", f"--out={out}", *flags])
    assert result.exit_code == 2
    assert message in result.output
    assert list(tmp_path.iterdir()) == []


def test_the_sheet_names_the_origin_of_every_option_that_is_no_default(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairgen.yaml").write_text("ode: {steps: 3, seed: 5, end: t0}\n")
    flags = ["--dry-run=2", "--model=gaussian", "--num-samples=2", "--out=out"]
    flags += ["--set", "seed=6", "--negative-prompt=grey\nand \x1b[31mred"]
    result = CliRunner().invoke(cli, ["ode", *flags])
    assert result.exit_code == 0, result.output
    lines = result.output.split("where they come from:\n")[1].split("\n\n")[0].splitlines()
    rows = {line.split()[0]: line for line in lines}
    origins = {name: line.rsplit("  ", 1)[1] for name, line in rows.items()}
    # `end` is given, as its default; what the model sets itself is no choice of the user's.
    assert origins == {
        **dict.fromkeys(("model", "negative_prompt", "num_samples", "out"), "command line"),
        "seed": "--set",
        "steps": "pairgen.yaml",
    }
    assert r"grey\nand \u001b[31mred" in rows["negative_prompt"]
    assert "  6  " in rows["seed"]


def test_options_of_the_folder_come_from_its_plan(tmp_path):
    options = {**OPTIONS, "out": str(tmp_path / "out"), "num_samples": 4, "samples_per_shard": 2}
    pairgen.ode(**options)
    priced = run_ode_dry({"out": options["out"], "num_samples": 8})
    origins = {name: origin for name, _, origin in priced.options}
    assert origins["steps"] == origins["cfg"] == f"plan of {options['out']}"
    assert origins["num_samples"] == "call"
