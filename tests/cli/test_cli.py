"""The command line: exit codes, sentences, and that nothing is written when input is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pairgen import plugins
from tests import warm
from tests.runs import SMALL_SET, run, shas, undo_shards

SMALL = {**SMALL_SET, "num-samples": 24, "executor": "serial"}


def run_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `pairgen` with a working directory."""
    return warm.run(warm.AS_MODULE + list(arguments), cwd=folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "sd1.5"}, "There is no model 'sd1.5' (did you mean 'sd15'?)"),
        ({"model": "./nowhere"}, "There is no model './nowhere'"),
        ({"solver": "dimm"}, "solver must be one of"),
        ({"cfg": "x"}, "cfg must be a number"),
        ({"prompts": "nothing.txt"}, "There is no prompt file 'nothing.txt'"),
        (
            {"prompts": "pictures.zip"},
            "Prompts must be a .txt, .jsonl, .csv, .tsv, .tar, .parquet",
        ),
        ({"num-samples": 0}, "must be an integer in 1..1,000,000,000, got 0."),
        ({"num-samples": -3}, "must be an integer in 1..1,000,000,000, got -3."),
        ({"samples-per-shard": 0}, "must be an integer in 1..1,000,000,000, got 0."),
        ({"batch-size": 0}, "must be an integer >= 1, got 0."),
        ({"limit": 0}, "must be an integer in 1..1,000,000,000, got 0."),
        ({"num-samples": 25}, "--num-samples must be a multiple of the 2 guidance scales, got 25"),
        ({"trajectory": "1500"}, "trajectory time 1500 must lie in (0, 999]"),
        ({"spacing": "leading", "trajectory": "999"}, "the leading grid starts at"),
        ({"set": "stpes=4"}, "Unknown key 'stpes'"),
        ({"set": "steps"}, "--set takes key=value, got 'steps'"),
        ({"config": "missing.yaml"}, "missing.yaml"),
    ],
)
def test_wrong_input_is_one_sentence_with_exit_code_2_and_nothing_written(
    options: dict[str, object], message: str, tmp_path: Path
) -> None:
    flags = [f"--{k}={v}" for k, v in {**SMALL, "out": "out", **options}.items()]
    result = run_in(tmp_path, "ode", *flags)
    assert result.returncode == 2, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told", "command"),
    [
        (
            ["ode", "--steps", "many"],
            "Invalid value for '--steps': 'many' is not a valid integer.",
            " ode",
        ),
        (["ode", "--steps"], "Option '--steps' requires an argument.", " ode"),
        (["cluster", "up", "--quiet=x"], "Option '--quiet' does not take a value.", " cluster up"),
        (["verify"], "Missing argument 'DIR|URL'.", " verify"),
        (["verify", "a", "b"], "Got unexpected extra argument (b).", " verify"),
        (["ode", "--nope"], "There is no option '--nope'.", " ode"),
        (
            ["ode", "--sovler", "ddim"],
            "There is no option '--sovler' (did you mean '--solver'?).",
            " ode",
        ),
        (["ode", "-x"], "There is no option '-x'.", " ode"),
        (["calibrat"], "There is no command 'calibrat' (did you mean 'calibrate'?).", ""),
        (["cluster", "xyz"], "There is no command 'xyz'.", " cluster"),
        (
            ["ode", "--quiet", "-v"],
            "--quiet and --verbose exclude each other: give one of them.",
            " ode",
        ),
    ],
)
def test_a_mistaken_command_line_is_one_sentence(
    words: list[str], told: str, command: str, tmp_path: Path
) -> None:
    result = run_in(tmp_path, *words)
    assert result.returncode == 2 and result.stdout == ""
    sentence, *hint = result.stderr.splitlines()
    assert sentence == f"Error: {told}"
    assert hint[0].startswith("Try '") and hint[0].endswith(f"{command} --help'.")


def test_a_mistaken_command_line_is_one_sentence_in_json(tmp_path: Path) -> None:
    result = run_in(tmp_path, "ode", "--steps", "x", "--log-json")
    (line,) = result.stderr.splitlines()
    found = json.loads(line)
    assert found["message"] == "Error: Invalid value for '--steps': 'x' is not a valid integer."
    assert (found["event"], found["exit_code"]) == ("error", 2)


def test_without_a_command_there_is_help(tmp_path: Path) -> None:
    shown = run_in(tmp_path, "cluster")
    assert shown.returncode == 2
    assert shown.stderr.startswith("Usage: ") and "Commands:\n" in shown.stderr


def test_ode_verify_damage_repair_verify(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("ode", **SMALL, out=out)
    assert result.returncode == 0, result.stderr
    assert "24 of 24 samples in 2 of 2 shards" in result.stdout
    assert f"pairgen verify {out}" in result.stdout
    assert run("verify", str(out)).returncode == 0
    before = shas(out)
    tar = out / "train/00001.tar"
    data = bytearray(tar.read_bytes())
    data[5000] ^= 1
    tar.write_bytes(data)
    found = run("verify", str(out))
    assert found.returncode == 1
    assert "00001" in found.stdout
    assert run("repair", str(out), executor="serial").returncode == 0
    assert run("verify", str(out)).returncode == 0
    assert shas(out) == before


def test_another_plan_in_the_folder_names_the_fields_and_touches_nothing(tmp_path: Path) -> None:
    assert run("ode", **SMALL, out=tmp_path).returncode == 0
    files = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    result = run("ode", **{**SMALL, "cfg": "3,7.5", "steps": 21}, out=tmp_path)
    assert result.returncode == 2
    assert "--cfg (was 3,8, got 3,7.5)" in result.stderr
    assert "steps (was 20, got 21)" in result.stderr
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == files


def test_options_come_from_file_set_and_flag_in_that_order(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("one\ntwo\n\nthree\n")
    (tmp_path / "pairgen.yaml").write_text(
        "ode:\n  model: gaussian\n  prompts: mine.txt\n  steps: 5\n  seed: 1\n  cfg: [2]\n"
    )
    result = run_in(tmp_path, "ode", "--set", "steps=6", "--set", "seed=2", "--seed=3")
    assert result.returncode == 0, result.stderr
    # As typed: inputs from ./pairgen.yaml, one sample a prompt, out under data/.
    assert result.stderr.splitlines()[0] == "Prompts: mine.txt"
    plan = (tmp_path / "data/ode-gaussian/__meta__/plan.yaml").read_text()
    assert "seed: 3" in plan and "steps: 6" in plan and "num_samples: 3" in plan


def test_as_typed_without_any_file_the_packaged_prompts_are_named_first(tmp_path: Path) -> None:
    result = run_in(tmp_path, "ode", "--model=gaussian", "--cfg=8", "--steps=5")
    assert result.returncode == 0, result.stderr
    first = result.stderr.splitlines()[0]
    assert "packaged prompts" in first and "everyday.txt" in first
    assert (tmp_path / "data/ode-gaussian/README.md").is_file()
    assert "32 of 32 samples" in result.stdout


def test_refused_prompts_are_recorded_and_too_many_exit_3(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("short one\n" * 9 + "word " * 200 + "\n")
    options = {"model": "gaussian", "cfg": 8, "steps": 4, "executor": "serial"}
    cut = run("ode", **options, prompts=prompts, out=tmp_path / "cut")
    assert cut.returncode == 0
    refused = run(
        "ode", **options, prompts=prompts, out=tmp_path / "refused", long_prompts="reject"
    )
    assert refused.returncode == 3, refused.stderr
    lines = (tmp_path / "refused/__meta__/rejected/00000.jsonl").read_text().splitlines()
    assert len(lines) == 1 and '"entry": 10' in lines[0] and "tokens" in lines[0]
    allowed = run(
        "ode",
        **options,
        prompts=prompts,
        out=tmp_path / "allowed",
        long_prompts="reject",
        max_rejected=0.2,
    )
    assert allowed.returncode == 0


def test_files_that_pairgen_did_not_make_are_never_overwritten(tmp_path: Path) -> None:
    for name in ("train/00000.tar", "README.md"):
        out = tmp_path / name.replace("/", "-")
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("mine")
        result = run("ode", **SMALL, out=out)
        assert result.returncode == 2
        assert f"holds files that pairgen did not make and would overwrite ({name})" in (
            result.stderr
        )
        assert [p.name for p in out.rglob("*") if p.is_file()] == [Path(name).name]


@pytest.mark.parametrize(
    ("out", "message"),
    [("file.txt", "is a file"), ("file.txt/sub", "is a file"), ("foo://x", "cannot be opened")],
)
def test_an_output_that_cannot_be_one_is_a_sentence(out: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("mine")
    result = run_in(tmp_path, "ode", "--model=gaussian", f"--out={out}")
    assert result.returncode == 2
    assert message in result.stderr and "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]


def test_a_plan_without_a_finished_shard_gives_way_to_a_corrected_command(tmp_path: Path) -> None:
    assert run("ode", **SMALL, out=tmp_path).returncode == 0
    undo_shards(tmp_path)
    assert run("ode", **{**SMALL, "cfg": "4,5"}, out=tmp_path).returncode == 0
    assert run("verify", str(tmp_path)).returncode == 0


def test_other_prompts_before_the_first_finished_shard_start_afresh(tmp_path: Path) -> None:
    out, mistaken, meant = tmp_path / "out", tmp_path / "mistaken.txt", tmp_path / "meant.txt"
    mistaken.write_text("one\n")
    meant.write_text("one\ntwo\nthree\n")
    options = {"model": "gaussian", "cfg": 4, "steps": 4, "executor": "serial", "out": out}
    assert run("ode", **options, prompts=mistaken).returncode == 0
    # A tar without its receipt may be one of many whose receipts are out of sight.
    (out / "__meta__/shards/00000.json").unlink()
    assert run("ode", **options, prompts=meant).returncode == 2
    undo_shards(out)
    result = run("ode", **options, prompts=meant)
    assert result.returncode == 0, result.stderr
    assert "3 of 3 samples" in result.stdout
    assert run("verify", str(out)).returncode == 0


def test_a_missing_prompt_file_is_said_before_the_plan_is_touched(tmp_path: Path) -> None:
    assert run("ode", **SMALL, out=tmp_path).returncode == 0
    (tmp_path / "__meta__/prompts.arrow").unlink()
    plan = (tmp_path / "__meta__/plan.yaml").read_bytes()
    result = run("ode", out=tmp_path, num_samples=48)
    assert result.returncode == 2
    assert "give the original --prompts again" in result.stderr
    assert (tmp_path / "__meta__/plan.yaml").read_bytes() == plan


def test_another_model_or_prompt_file_is_named_as_the_user_knows_it(tmp_path: Path) -> None:
    assert run("ode", **SMALL, out=tmp_path / "out").returncode == 0
    (tmp_path / "other.txt").write_text("another prompt\n")
    result = run("ode", out=tmp_path / "out", prompts=tmp_path / "other.txt")
    assert result.returncode == 2
    assert "prompts (was 32 from everyday.txt, got 1 from other.txt" in result.stderr
    other = tmp_path / "mixture.yaml"
    other.write_text(
        "teacher: gaussian\noptions: {num_modes: 5, num_classes: 5}\n"
        "dtype: float32\nbatch_size: 4\nsamples_per_shard: 8\n"
    )
    result = run("ode", out=tmp_path / "out", model=other)
    assert result.returncode == 2
    assert "these differ: --model (was gaussian, got mixture)." in result.stderr


def test_an_unknown_section_of_a_config_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "pairgen.yaml").write_text("ode:\n  steps: 5\nverfy:\n  x: 1\n")
    result = run_in(tmp_path, "ode", "--model=gaussian")
    assert result.returncode == 2
    assert "Unknown key 'verfy' in the sections of pairgen.yaml" in result.stderr


def test_a_folder_without_a_dataset_is_one_sentence(tmp_path: Path) -> None:
    for name in ("verify", "repair"):
        result = run(name, str(tmp_path))
        assert result.returncode == 2
        assert "is not a dataset folder" in result.stderr


def test_help_and_version_need_no_torch() -> None:
    script = "import sys; sys.argv=['pairgen','ode','--help']\nfrom pairgen.cli import cli\n"
    script += "cli.main(['ode','--help'], standalone_mode=False); assert 'torch' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 0


def test_help_and_errors_name_every_method_alike() -> None:
    listed = ", ".join(plugins.shown_names("methods"))
    assert "latent-lpips" in listed and "yonos-decoder" in listed
    text = " ".join(run("train", "--help").stdout.split())
    assert f"METHOD: {listed}, or the name or file of your own module." in text
    for words in (["train", "NOPE", "--data", "pairs"], ["methods", "NOPE"]):
        told = run(*words)
        assert told.returncode == 2
        assert told.stderr.startswith(f"Error: There is no method 'NOPE'; known are {listed}, or ")


def test_sd15_as_typed_runs_on_a_local_folder_of_its_classes(
    tmp_path: Path, sd15_folder: Path
) -> None:
    override = tmp_path / "configs/models/sd15.yaml"
    override.parent.mkdir(parents=True)
    override.write_text(
        f"teacher: latent_diffusion\nlocation: {sd15_folder}\n"
        "dtype: float32\nbatch_size: 16\nsamples_per_shard: 1024\n"
    )
    result = run_in(tmp_path, "ode", "--model", "sd15", "--cfg", "8")
    assert result.returncode == 0, result.stderr
    assert "32 of 32 samples in 1 of 1 shard" in result.stdout
    # One sample a prompt, 50 trailing DDIM steps, in the folder named after the model.
    plan = (tmp_path / "data/ode-sd15/__meta__/plan.yaml").read_text()
    assert "pipeline: StableDiffusionPipeline" in plan and "num_transitions: 50" in plan
    assert run("verify", str(tmp_path / "data/ode-sd15")).returncode == 0
    flags = ["--cfg=8", "--out=by_path", "--num-samples=2", "--batch-size=2"]
    by_path = run_in(tmp_path, "ode", "--model", str(sd15_folder), *flags)
    # A bare folder takes SD1.5's numbers, so float16: the same weights, so the same fingerprint.
    assert by_path.returncode == 0, by_path.stderr
    assert fingerprint(tmp_path / "by_path") == fingerprint(tmp_path / "data/ode-sd15")


def fingerprint(out: Path) -> str:
    """Return the fingerprint line of a plan."""
    lines = (out / "__meta__/plan.yaml").read_text().splitlines()
    return next(line for line in lines if line.startswith("fingerprint: "))
