"""One report, whoever checks the shards; and the command itself: options, exit codes, Ctrl-C."""

import signal
from pathlib import Path

import pytest

import pairgen
from pairgen.errors import ConfigError
from tests.runs import run, start, wait_until
from tests.shards.check.test_verify_scope import spoiled
from tests.small_sets import make_plan, write_set


@pytest.mark.slow
@pytest.mark.ray
def test_the_report_is_equal_for_serial_and_ray(tmp_path: Path, cluster: None) -> None:
    folder = spoiled(tmp_path / "set").root
    part = {"where": "pair_index > 9", "fraction": 0.7, "seed": 1}
    for options in ({}, part):
        expected = pairgen.verify(folder, executor="serial", **options)
        assert not expected.clean
        found = pairgen.verify(folder, executor="ray", num_workers=2, **options)
        assert found == expected
        assert found.table() == expected.table()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fraction": 0}, "fraction must be above 0"),
        ({"fraction": 1.5}, r"fraction must be a number in \[0, 1\], got 1.5"),
        ({"fraction": "nan"}, "fraction must be a number"),
        ({"quick": True, "fraction": 0.1}, "--quick reads no sample: it cannot go with --fraction"),
        ({"quick": True, "where": "True"}, "cannot go with --where"),
        ({"seed": 3}, "seed chooses the shards of --fraction"),
        ({"seed": -1, "fraction": 0.1}, "seed must be an integer in"),
        ({"executor": "dask"}, "executor must be one of auto, serial, ray"),
        ({"num_workers": -1}, "num_workers must be an integer >= 1"),
        ({"where": "index =="}, "invalid syntax"),
        ({"wheer": "index == 0"}, "Unknown key 'wheer'"),
        ({"executor": "ray", "address": "127.0.0.1:9"}, "cannot be reached"),
    ],
)
def test_wrong_options_are_refused(
    options: dict[str, object], message: str, tmp_path: Path
) -> None:
    folder = write_set(tmp_path / "set").root
    with pytest.raises(ConfigError, match=message):
        pairgen.verify(folder, **options)


def test_the_command_says_what_it_read_and_keeps_its_exit_codes(tmp_path: Path) -> None:
    folder = str(write_set(tmp_path / "set").root)
    where = run("verify", folder, where="pair_index in [3, 5]")
    assert where.returncode == 0, where.stderr
    assert where.stdout.splitlines()[-1] == (
        "Clean as far as read: receipts, names and sizes; 2 samples of 1 shard."
    )
    (tmp_path / "set/train/00001.tar").unlink()
    quick = run("verify", folder, "--quick")
    assert quick.returncode == 1
    assert "missing shard  train/00001.tar" in quick.stdout
    assert "receipts read" in quick.stderr


@pytest.mark.parametrize(
    "text",
    [
        "().__class__.__base__.__subclasses__()",
        "(" * 100_000,
        b"index == \xff".decode(errors="surrogateescape"),
    ],
    ids=["subclasses", "parentheses", "bytes"],
)
def test_a_hostile_condition_is_one_sentence_and_exit_code_2(text: str, tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set").root
    result = run("verify", str(folder), where=text)
    assert result.returncode == 2, result.stderr[-500:]
    assert result.stderr.startswith("Error: The condition ")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


def test_ctrl_c_ends_with_a_report_of_what_was_read(tmp_path: Path) -> None:
    log = tmp_path / "log"
    folder = write_set(tmp_path / "set", make_plan(num_samples=1600, samples_per_shard=2)).root
    process = start(log, "verify", str(folder))
    wait_until(lambda: catches_interrupts(process.pid))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130, log.read_text()
    assert "Stopping after the shards in progress" in log.read_text()
    assert "Traceback" not in log.read_text()


def catches_interrupts(pid: int) -> bool:
    """Whether a process has a handler of its own for SIGTERM, as `stop_on_signal` sets it."""
    status = Path(f"/proc/{pid}/status").read_text()
    [caught] = [line.split()[1] for line in status.splitlines() if line.startswith("SigCgt")]
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)
