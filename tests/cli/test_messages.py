"""What commands say: `--quiet`, `-v`, `--log-json`, and the logger behind all of them."""

import inspect
import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import pairgen
from pairgen.cli import cli
from pairgen.errors import ConfigError
from pairgen.progress_style import progress_style
from tests.runs import QUICK_ODE, run, words
from tests.small_sets import write_set

ODE = {**QUICK_ODE, "num_samples": 8, "steps": 1}


def ode(out: Path, *flags: str) -> Result:
    return CliRunner().invoke(cli, words("ode", *flags, **ODE, out=out))


def test_by_default_messages_are_plain_and_apart_from_results(tmp_path: Path):
    made = ode(tmp_path / "set")
    assert made.exit_code == 0
    lines = made.stderr.splitlines()
    assert lines[0].startswith("No prompts given: using the packaged prompts ")
    assert "8 of 8 samples (100.0 %)" in lines[-1]
    assert made.stdout.startswith("8 of 8 samples in 2 of 2 shards, ")


def test_quiet_leaves_results_alone(tmp_path: Path):
    made = ode(tmp_path / "set", "--quiet")
    assert made.exit_code == 0 and made.stderr == ""
    assert made.stdout.startswith("8 of 8 samples in 2 of 2 shards, ")


def test_quiet_still_tells_what_is_wrong(tmp_path: Path):
    result = run("ode", "--quiet", model="nope", out=tmp_path / "set")
    assert result.returncode == 2 and result.stderr.startswith("Error: There is no model 'nope'")


def test_verbose_adds_times_and_shards(tmp_path: Path):
    made = ode(tmp_path / "set", "-v")
    (line,) = (line for line in made.stderr.splitlines() if "shard 00001" in line)
    assert line[2] == line[5] == ":" and "shard 00001: 4 samples in " in line


def test_log_json_is_one_object_a_line(tmp_path: Path):
    made = ode(tmp_path / "set", "--log-json", "--verbose")
    assert made.exit_code == 0
    found = [json.loads(line) for line in made.stderr.splitlines()]
    assert all({"time", "level", "event", "message"} <= each.keys() for each in found)
    progress = [each for each in found if each["event"] == "progress"]
    assert progress[-1]["done"] == progress[-1]["planned"] == 8
    assert progress[-1]["unit"] == "samples"
    shards = [each for each in found if each["event"] == "shard"]
    assert [each["shard"] for each in shards] == [0, 1]
    assert all(each["level"] == "debug" and each["samples"] == 4 for each in shards)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--steps", "many"], "'many' is not a valid integer"),
        (["--model", "nope"], "There is no model 'nope'"),
    ],
)
def test_log_json_holds_for_errors_wherever_it_stands(tmp_path: Path, flags, message):
    for line in ([*flags, "--log-json"], ["--log-json", *flags]):
        result = run("ode", *line, out=tmp_path / "set")
        assert result.returncode == 2
        (told,) = map(json.loads, result.stderr.splitlines())
        assert message in told["message"]
        assert (told["level"], told["event"], told["exit_code"]) == ("error", "error", 2)


def test_quiet_and_verbose_exclude_each_other(tmp_path: Path):
    for flags in (["--quiet", "-v"], ["-v", "--quiet"]):
        made = ode(tmp_path / "set", *flags)
        assert made.exit_code == 2 and "exclude each other" in made.stderr
    assert not (tmp_path / "set").exists()


def test_every_command_takes_them():
    for name in cli.list_commands(None):
        for flag in ("--quiet", "-v", "--log-json"):
            shown = CliRunner().invoke(cli, [name, "--help"]).output
            assert name == "cluster" or flag in shown, name
    for verb in ("up", "submit", "status", "logs", "stop", "down"):
        assert "--log-json" in CliRunner().invoke(cli, ["cluster", verb, "--help"]).output


def test_a_command_leaves_the_logger_as_it_was(tmp_path: Path):
    logger = logging.getLogger("pairgen")

    def state():
        root = logging.getLogger()
        return (logger.level, logger.propagate, [*logger.handlers], [*root.handlers])

    before = state()
    for flags in (["--quiet"], ["--log-json", "-v"], ["--model", "nope"]):
        ode(tmp_path / "set", *flags)
        assert state() == before and progress_style() == "auto"


def test_python_calls_log_and_show_progress_unless_told(tmp_path: Path, capsys, caplog):
    with caplog.at_level(logging.INFO, logger="pairgen"):
        pairgen.ode(**ODE, out=tmp_path / "first")
    assert "8 of 8 samples" in capsys.readouterr().err
    assert "0 blank lines skipped" in caplog.text
    pairgen.ode(**ODE, out=tmp_path / "second", progress=False)
    pairgen.verify(tmp_path / "second", progress=False)
    assert capsys.readouterr() == ("", "")
    with pytest.raises(ConfigError, match="progress must be"):
        pairgen.verify(tmp_path / "second", progress="no")


CALLS = [name for name in pairgen.__all__ if inspect.isfunction(getattr(pairgen, name))]


@pytest.mark.parametrize("name", CALLS)
def test_every_call_takes_progress_and_says_so(name: str):
    call = getattr(pairgen, name)
    assert "progress: Show progress" in call.__doc__
    assert inspect.signature(call).parameters["progress"].default is True
    with pytest.raises(ConfigError, match="progress must be"):
        call(progress="no")


def test_calls_on_a_folder_show_no_progress_unless_wanted(tmp_path: Path, capsys):
    out = tmp_path / "set"
    pairgen.ode(**ODE, out=out, progress=False)
    assert pairgen.status(out, progress=False).complete
    assert not pairgen.replay(out, "0", progress=False).differences
    with pytest.raises(ConfigError, match="Unknown key 'prgress' in the options of pairgen replay"):
        pairgen.replay(out, "0", prgress=False)
    pairgen.report(out, progress=False, out=tmp_path / "page.html")
    assert capsys.readouterr() == ("", "")


def test_names_of_others_reach_no_line_as_a_command(tmp_path: Path):
    store = write_set(tmp_path / "set")
    (store.root / "train/\x1b]0;PWN\x07.tar").write_bytes(b"x")
    for flags in ([], ["-v"], ["--log-json"]):
        found = CliRunner().invoke(cli, ["verify", *flags, str(store.root)])
        assert "\x1b" not in found.output
