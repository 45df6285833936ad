"""Several processes: the same training as one, disjoint samples, another number on the way."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pairgen.training.loop.checkpoint import find_checkpoints
from tests import warm
from tests.training import forked
from tests.training.conftest import OPTIONS
from tests.training.test_train import assert_equal, assert_same_gradients, metrics, tensors
from tests.warm import Started

TWO_PLAYERS = "tests.training.two_players"


def arguments(data: Path, out: Path, **options: object) -> list[str]:
    given = {**OPTIONS, **options}
    method = given.pop("method")
    flags = [f"--set={key}={json.dumps(value)}" for key, value in given.items()]
    return ["train", method, "--data", str(data), "--out", str(out), *flags]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def start(line: list[str], log: Path, ranks: int = 1, code: str = warm.COMMAND) -> list[Started]:
    """Start the processes of a run, as `torchrun` does it; what they print goes to `log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
    started = []
    with log.open("ab") as stream, open(os.devnull, "rb") as nothing:
        streams = [nothing.fileno(), stream.fileno(), stream.fileno()]
        for rank in range(ranks):
            own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks}
            given = {name: str(value) for name, value in own.items()} | meeting if ranks > 1 else {}
            env = environment() | given
            started.append(warm.start(line, streams, code=code, env=env, session=True))
    return started


def run(data: Path, out: Path, ranks: int = 1, **options: object) -> None:
    """Train in so many processes, to the end."""
    log = out.with_name(f"{out.name}.log")
    started = start(["pairgen", *arguments(data, out, **options)], log, ranks)
    assert [each.wait(timeout=280) for each in started] == [0] * ranks, log.read_text()


def torchrun(*line: str) -> None:
    """Run a module in two processes of `torchrun`."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    result = subprocess.run(
        [*start, "-m", *line], env=environment(), capture_output=True, text=True, timeout=280
    )
    assert result.returncode == 0, result.stderr


@pytest.fixture
def options_of(
    latent_net: Path, dino: Path, sd15_folder: Path
) -> Callable[[str], dict[str, object]]:
    """Return the options of a method by its name, with all that its players can do."""
    own: dict[str, dict[str, object]] = {
        TWO_PLAYERS: {},
        "add": {
            "model": str(sd15_folder),
            "features": str(dino),
            # Of each rank.
            "norm_batch": 4,
            "discriminator_updates": 2,
            "mismatched_weight": 0.5,
            "r1_gamma": 0.1,
            "guidance": 3.0,
        },
        # The penalty in every second step.
        "diffusion2gan": {"perceptual": str(latent_net), "r1_every": 2},
        "ladd": {
            "discriminator_updates": 2,
            "r1": "features",
            "r1_gamma": 0.1,
            "distill_weight": 1.0,
            "guidance": 3.0,
            # The times change on the way.
            "first_steps": 2,
        },
    }
    return lambda method: {"method": method, **own[method]}


@pytest.fixture
def data(request, method) -> Path:
    """What a method learns from."""
    found: Path = request.getfixturevalue("captioned" if method == "add" else "pairs")
    return found


@pytest.mark.slow
@pytest.mark.parametrize("method", [TWO_PLAYERS, "add", "diffusion2gan", "ladd"])
def test_two_ranks_train_as_one_and_one_goes_on_alone(data, options_of, tmp_path, method):
    options = {**options_of(method), "steps": 4, "batch_size": 8, "data_parts": 2}
    run(data, tmp_path / "one", **options)
    if method == TWO_PLAYERS:
        torchrun("pairgen", *arguments(data, tmp_path / "two", **{**options, "steps": 2}))
    else:
        run(data, tmp_path / "two", ranks=2, **{**options, "steps": 2})
    run(data, tmp_path / "two", **options, resume=True)
    # Two networks that play against each other make more of a difference in rounding.
    tolerance = 1e-5 if method == TWO_PLAYERS else 1e-4
    assert_same_gradients(tensors(tmp_path / "two"), tensors(tmp_path / "one"), tolerance)


@pytest.mark.slow
def test_two_ranks_train_two_networks_on_one_set_of_weights_as_one(
    restorable, everything, tmp_path
):
    """Each critic of two would score by itself if ranks did not share its gradients."""
    options = {**everything, "steps": 4, "batch_size": 8, "data_parts": 2}
    run(restorable, tmp_path / "one", **options)
    run(restorable, tmp_path / "two", ranks=2, **{**options, "steps": 2})
    run(restorable, tmp_path / "two", **options, resume=True)
    assert_same_gradients(tensors(tmp_path / "two"), tensors(tmp_path / "one"), 1e-4)


@pytest.mark.slow
def test_a_late_rank_finds_the_folder_as_the_first_found_it(pairs, tmp_path):
    """Or it would refuse the new run that the first has begun."""
    given = {**OPTIONS, "cpu_threads": 1, "steps": 1, "data": str(pairs)}
    given["out"] = str(tmp_path / "run")
    code = "from tests.training import late_rank\nlate_rank.main()"
    started = start(["late_rank", json.dumps(given)], tmp_path / "log", ranks=2, code=code)
    ended = [each.wait(timeout=120) for each in started]
    assert ended == [0, 0], (tmp_path / "log").read_text()
    assert len(steps_logged(tmp_path / "run")) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("times", "threads"), [(10, {"cpu_threads": 2}), (5, {"cpu_threads": 1}), (2, {})]
)
def test_kills_change_no_bit(pairs, tmp_path, times, threads):
    """Not by the teacher's pictures either, which only the first of the processes makes."""
    options = {"method": TWO_PLAYERS, "steps": 6 * times, "checkpoint_every": 5, **threads}
    assert kills_that_change_no_bit(pairs, tmp_path, times, **options) >= 0.8 * times
    trained_in = {line["critic/threads"] for line in metrics(tmp_path / "killed")}
    assert trained_in == {threads.get("cpu_threads", forked.OWN_THREADS)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "times", "steps"), [("add", 10, 32), ("diffusion2gan", 5, 18), ("ladd", 10, 32)]
)
def test_kills_change_no_bit_of_student_discriminator_and_average(
    data, options_of, tmp_path, method, times, steps
):
    options = {**options_of(method), "steps": steps, "checkpoint_every": 3, "batch_size": 4}
    options["cpu_threads"] = 1
    assert kills_that_change_no_bit(data, tmp_path, times, **options) >= 0.8 * times


@pytest.mark.slow
def test_ten_kills_change_no_bit_of_networks_that_share_weights(restorable, everything, tmp_path):
    options = {**everything, "steps": 32, "checkpoint_every": 3, "cpu_threads": 1}
    assert kills_that_change_no_bit(restorable, tmp_path, 10, **options) >= 8


def kills_that_change_no_bit(pairs: Path, tmp_path: Path, times: int, **options: object) -> int:
    """Kill a run so often, let it end, and compare it with one that was left alone.

    Returns:
        How often it was killed before its end.
    """
    options["ema_decay"] = 0.9
    whole, folder, log, kills = tmp_path / "whole", tmp_path / "killed", tmp_path / "log", 0
    undisturbed = forked.start(arguments(pairs, whole, **options), log)
    assert undisturbed.wait() == 0, log.read_text()
    again = arguments(pairs, folder, **options, resume=True)
    for number in range(times):
        done = len(steps_logged(folder))
        process = forked.start(again, log)
        # At some step after the one where it began, at another moment each time.
        while process.poll() is None and len(steps_logged(folder)) < done + 1 + number % 3:
            time.sleep(0.02)
        time.sleep(0.013 * number)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
    assert forked.start(again, log).wait() == 0, log.read_text()
    assert find_checkpoints(folder / "checkpoints")[-1].name == f"{options['steps']:08d}"
    assert_equal(tensors(folder), tensors(whole))
    return kills


def steps_logged(folder: Path) -> list[str]:
    path = folder / "metrics.jsonl"
    return path.read_text().splitlines() if path.is_file() else []


def test_a_full_disk_at_a_checkpoint_is_one_sentence_and_the_last_one_stands(pairs, tmp_path):
    run(pairs, tmp_path / "run", steps=1)
    # Files may not grow beyond half a checkpoint: what a full disk does, for this process alone.
    limit = max(p.stat().st_size for p in (tmp_path / "run/checkpoints").rglob("*.safetensors"))
    code = (
        "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit // 2}, {limit // 2}))\n"
    )
    line = ["pairgen", *arguments(pairs, tmp_path / "run", steps=2, resume=True)]
    result = warm.run(line, code=code + warm.COMMAND, env=environment(), timeout=120)
    assert result.returncode == 1, result.stderr
    assert "could not be written" in result.stderr
    assert "00000001 is intact" in result.stderr
    assert "Traceback" not in result.stderr
    assert [path.name for path in find_checkpoints(tmp_path / "run/checkpoints")] == ["00000001"]
    assert not list((tmp_path / "run/checkpoints").glob(".*"))


def test_ctrl_c_leaves_a_checkpoint(pairs, tmp_path):
    log = tmp_path / "log"
    [process] = start(["pairgen", *arguments(pairs, tmp_path / "run", steps=5000)], log)
    while process.poll() is None and not steps_logged(tmp_path / "run"):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    output = log.read_text()
    assert "Stopping after this step; press Ctrl-C again to stop now." in output
    assert "Continue with --resume" in output
    assert len(find_checkpoints(tmp_path / "run/checkpoints")) == 1
    assert not (tmp_path / "run/student").exists()
