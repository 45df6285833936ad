"""`pairgen calibrate` and `pairgen ode --from-calibration` from end to end."""

import json
import signal
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

import pairgen
from pairgen.cli import main
from tests.runs import run, start, wait_until

# 40 evaluations and fewer: 12.6 % and 5 % off.
QUICK = {"model": "gaussian", "num_prompts": 4, "batch_size": 4, "reference_steps": 60}
FILES = ["calibration.json", "calibration.md", "calibration.png", "reference-60.npy"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A finished calibration in `out`, its setting dpmpp_2m on logsnr in 10 steps; leave it."""
    folder = tmp_path_factory.mktemp("calibrate")
    solvers = "ddim/trailing,ddim/leading,dpmpp_2m/logsnr"
    pairgen.calibrate(
        **QUICK, solvers=solvers, steps="4,10", tolerance="8%", out=str(folder / "out")
    )
    return folder


@pytest.fixture
def call(folder, monkeypatch, capsys):
    """Run a command beside the calibration; return its exit code, stdout and stderr."""
    monkeypatch.chdir(folder)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pairgen", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        output = capsys.readouterr()
        return stop.value.code or 0, output.out, output.err

    return run


def calibrate(call, *arguments: str) -> tuple[int, str, str]:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in QUICK.items()]
    return call("calibrate", *flags, *arguments)


def ode(call, out: str, *arguments: str) -> tuple[int, str, str]:
    small = ["--num-samples=4", "--samples-per-shard=4", "--batch-size=4", "--executor=serial"]
    return call("ode", "--model=gaussian", *small, f"--out={out}", *arguments)


def plan_of(folder: Path) -> dict:
    return yaml.safe_load((folder / "__meta__/plan.yaml").read_text())


def test_the_embedded_teacher_ranks_a_bad_setting_last(call, tmp_path):
    flags = ["--num-prompts=1", "--batch-size=1", "--reference-steps=30", "--tolerance=45%"]
    solvers = "--solvers=ddim/trailing,ddim/linspace,dpmpp_2m/logsnr"
    out = f"--out={tmp_path / 'out'}"
    code, shown, err = call("calibrate", *flags, "--cfg=4", solvers, "--steps=2,12", out)
    assert code == 0, err
    found = json.loads((tmp_path / "out/calibration.json").read_text())
    table = [line.split() for line in shown.splitlines()[1:9]]
    assert [line[2] for line in table[:2]] == ["30", "15"]
    # Two steps are the worst whatever the grid; twelve of the second order are the best.
    assert [line[2] for line in table[-3:]] == ["2", "2", "2"]
    assert table[2][:3] == ["dpmpp_2m,", "logsnr", "12"]
    assert found["teacher"]["name"] == "tiny" and found["converged"]
    assert "evaluations (" in err and "ETA" in err


def test_table_page_plot_and_record_are_left(call, folder):
    left = sorted(path.name for path in (folder / "out").iterdir())
    assert left == FILES
    before = {name: (folder / "out" / name).read_bytes() for name in FILES}
    options = ["--solvers=ddim/trailing,dpmpp_2m/logsnr", "--steps=4,10", "--tolerance=8%"]
    code, out, err = calibrate(call, *options, "--out=out")
    assert code == 0, err
    assert "Continuing" in err and "8 settings are measured" in err
    # Nothing was measured again: the clocks are the same.
    assert {name: (folder / "out" / name).read_bytes() for name in FILES} == before
    assert "Cheapest within 8 %: dpmpp_2m, logsnr, 10 steps, end t0, float32: " in out
    assert "Other grids start at: leading (t = 751, 901)" in out
    assert out.splitlines()[1].endswith("reference")
    assert "Cheapest within 8 %" in before["calibration.md"].decode()
    with Image.open(folder / "out/calibration.png") as plot:
        assert plot.size == (900, 560)


def test_none_within_the_tolerance_is_told_with_exit_code_1_and_the_table(call, folder):
    options = ["--solvers=ddim/trailing", "--steps=4", "--tolerance=8%", "--out=none"]
    code, out, err = calibrate(call, *options)
    assert code == 1
    assert "Error: No setting is within 8 % of the converged ODE. The closest is ddim" in err
    assert out.startswith("solver, grid")
    assert sorted(path.name for path in (folder / "none").iterdir()) == FILES
    assert "No setting is within 8 %" in (folder / "none/calibration.md").read_text()
    assert json.loads((folder / "none/calibration.json").read_text())["chosen"] is None
    code, _, err = ode(call, "unmade", "--from-calibration=none")
    assert code == 2 and "has chosen no setting: none is within its tolerance of 8 %" in err
    assert not (folder / "unmade").exists()


def test_a_set_starts_from_the_chosen_setting_and_says_how_near_it_is(call, folder):
    code, _, err = ode(call, "chosen", "--from-calibration=out/calibration.json")
    assert code == 0, err
    plan = plan_of(folder / "chosen")
    recipe = plan["recipe"]
    assert (recipe["solver"], recipe["spacing"], recipe["steps"], recipe["end"]) == (
        "dpmpp_2m",
        "logsnr",
        10,
        "t0",
    )
    found = json.loads((folder / "out/calibration.json").read_text())
    [row] = [row for row in found["rows"] if row["setting"] == found["chosen"]]
    assert plan["resolved"]["calibration"]["error"] == row["error"]
    told = plan["resolved"]["end_points"]
    assert told.startswith(f"the converged ODE to {100 * row['error']['median']:.3g} %")
    assert "within the tolerance of 8 %" in told
    assert f"| end points | {told} |" in (folder / "chosen/README.md").read_text()

    # The same set without a calibration has the same fingerprint, and says what it does not know.
    options = ["--solver=dpmpp_2m", "--spacing=logsnr", "--steps=10"]
    code, _, err = ode(call, "same", *options)
    assert code == 0, err
    assert plan_of(folder / "same")["fingerprint"] == plan["fingerprint"]
    told_less = "dpmpp_2m, logsnr, 10 steps; the distance from the converged ODE was not measured"
    assert plan_of(folder / "same")["resolved"]["end_points"] == told_less

    # Continued without the file, the set still knows.
    code, _, err = call("ode", "--out=chosen", "--num-samples=8", "--executor=serial")
    assert code == 0, err
    assert plan_of(folder / "chosen")["resolved"]["end_points"] == told
    assert f"| end points | {told} |" in (folder / "chosen/README.md").read_text()


def test_a_flag_wins_and_then_its_own_error_is_told(call, folder):
    code, _, err = ode(call, "flag", "--from-calibration=out", "--steps=4")
    assert code == 0, err
    plan = plan_of(folder / "flag")
    assert (plan["recipe"]["solver"], plan["recipe"]["steps"]) == ("dpmpp_2m", 4)
    assert "not within the tolerance of 8 %" in plan["resolved"]["end_points"]

    code, _, err = ode(call, "other", "--from-calibration=out", "--steps=5")
    assert code == 0, err
    told = plan_of(folder / "other")["resolved"]["end_points"]
    assert told.startswith("dpmpp_2m, logsnr, 5 steps, end t0, float32; not among the settings")

    # Inserted times make another grid.
    code, _, err = ode(call, "path", "--from-calibration=out", "--trajectory=999,500")
    assert code == 0, err
    assert "not among the settings" in plan_of(folder / "path")["resolved"]["end_points"]


def test_the_published_default_is_named(call, folder):
    assert ode(call, "usual")[0] == 0
    told = "DDIM-50 as published (trailing grid); the distance from the converged ODE was not"
    assert plan_of(folder / "usual")["resolved"]["end_points"].startswith(told)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cfg=8"], r"--cfg (was 7.5, got 8)"),
        (["--cfg=7.5,8"], r"--cfg (was 7.5, got 7.5,8)"),
        (["--negative-prompt=ugly"], "--negative-prompt (was '', got ugly)"),
        (["--model=tiny"], "model (was gaussian, got tiny)"),
        (["--model=mine.yaml"], "model.num_modes (was 24, got 3)"),
        (["--from-calibration=absent"], "There is no calibration 'absent'"),
        (
            ["--from-calibration=broken.json"],
            "broken.json is not a readable calibration.json",
        ),
    ],
)
def test_a_calibration_of_something_else_is_refused_by_field(call, folder, arguments, message):
    (folder / "mine.yaml").write_text(
        "teacher: gaussian\noptions: {num_modes: 3, num_classes: 3}\n"
        "dtype: float32\nbatch_size: 4\nsamples_per_shard: 4\n"
    )
    (folder / "broken.json").write_text("{}")
    before = sorted(folder.rglob("*"))
    code, out, err = ode(call, "refused", "--from-calibration=out", *arguments)
    assert code == 2 and out == ""
    assert message in err.splitlines()[-1] and "Traceback" not in err
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tolerance=2"], "tolerance must be a share"),
        (["--prompts=absent.txt"], "There is no prompt file 'absent.txt'"),
        (["--steps=1001"], "steps must be an integer in 1..1,000, got 1001"),
        (["--model=tinny"], "did you mean 'tiny'"),
        (["--out=out", "--cfg=3"], "holds another calibration; these differ: --cfg (was"),
        (["--out=files"], "files holds other files: give another --out"),
        (["--set", "step=3"], "Unknown key 'step'"),
    ],
)
def test_wrong_input_is_one_sentence_and_nothing_is_written(call, folder, arguments, message):
    (folder / "files").mkdir(exist_ok=True)
    (folder / "files/mine.txt").touch()
    before = sorted(folder.rglob("*"))
    code, out, err = calibrate(call, *arguments)
    assert code == 2 and out == ""
    assert message in err and "Traceback" not in err
    assert sorted(folder.rglob("*")) == before


def test_ctrl_c_keeps_what_is_measured_and_the_same_command_continues(tmp_path):
    out, log = tmp_path / "out", tmp_path / "log"
    options = {**QUICK, "solvers": "ddim/trailing,heun/logsnr", "steps": "20,40,80,160"}
    # So many that a busy machine's signal comes before the last row.
    options |= {"tolerance": "8%", "out": out, "num_prompts": 32}
    process = start(log, "calibrate", **options)
    record = out / "calibration.json"
    wait_until(lambda: record.is_file() and len(json.loads(record.read_text())["rows"]) >= 3)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert "Run the same command again" in log.read_text()
    kept = json.loads(record.read_text())
    assert 3 <= len(kept["rows"]) < 10 and not kept["complete"]
    assert not (out / "calibration.md").exists()
    result = run("calibrate", **options)
    assert result.returncode == 0, result.stderr
    found = json.loads(record.read_text())
    assert found["complete"] and len(found["rows"]) == 10
    assert found["rows"][: len(kept["rows"])] == kept["rows"]
    assert sorted(path.name for path in out.iterdir()) == FILES
