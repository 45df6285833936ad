"""Secrets in URLs, options and the environment are in nothing that a command leaves or says."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import pairgen
from tests.runs import run_many

KEY, SECRET, TOKEN, OTHER = "AKIAPLANTEDKEY", "pl4nted/S3CRET+x", "t0ken%2Fplanted", "hf_plantedhub"
SECRETS = (KEY, SECRET, "S3CRET", TOKEN, "t0ken/planted", OTHER)
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "HF_TOKEN": OTHER,
    "RAY_AUTH_TOKEN": OTHER,
    "HTTPS_PROXY": f"http://user:{SECRET}@127.0.0.1:9",
}
TINY = ["--model", "tiny", "--cfg", "2", "--steps", "2", "--num-samples", "4", "--batch-size", "4"]
CALIBRATE = [
    *("calibrate", "--model", "gaussian", "--cfg", "2", "--num-prompts", "2"),
    *("--solvers", "ddim/trailing", "--steps", "20", "--reference-steps", "40"),
    *("--tolerance", "20%"),
]
TRAIN = ["regression", "--steps", "1", "--batch-size", "2", "--set", "num_grid_prompts=1"]


def url(name: str) -> str:
    return f"vault://{KEY}:{SECRET}@{name}?token={TOKEN}"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A working directory, beside the folder that the store keeps its files in."""
    (tmp_path / "desk").mkdir()
    (tmp_path / "vault").mkdir()
    return tmp_path / "desk"


def commands(desk: Path, *lines: Sequence[object]) -> tuple[str, list[int]]:
    """Run commands at the desk; return all they said, and their exit codes."""
    vault = {"VAULT_ROOT": str(desk.parent / "vault"), "VAULT_SAYS": SECRET}
    return run_many(desk, *lines, **ENVIRONMENT, **vault)


def assert_nothing_leaked(desk: Path, said: str) -> None:
    """Look for every secret in all that was said, and in every file that was left."""
    for secret in SECRETS:
        assert secret not in said, said
    files = [path for path in desk.parent.rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        data = path.read_bytes()
        for secret in SECRETS:
            assert secret.encode() not in data, (secret, path)
            assert secret not in str(path)


def test_the_commands_of_a_whole_project_keep_their_secrets(desk: Path) -> None:
    resume = ["train", *TRAIN, "--out", "run", "--resume", "--steps", "2"]
    judge = ["eval", "run", "--num-samples", "2", "--teacher-steps", "1", "--allow-training-data"]
    said, codes = commands(
        desk,
        ("ode", *TINY, "--out", url("pairs")),
        ("ode", "--model", "tiny", "--out", url("pairs")),
        ("ode", *TINY, "--dry-run", 1, "--out", url("dry")),
        ("verify", url("pairs")),
        ("inspect", url("pairs"), "--grid", "grid.png"),
        ("inspect", url("pairs"), "0", "--json"),
        ("replay", url("pairs"), "0"),
        ("repair", url("pairs")),
        ("train", *TRAIN, "--data", url("pairs"), "--out", "run"),
        (*judge, "--data", url("pairs")),
        ("inspect", "run"),
        ("degrade", "--scales", 2, "--crop", 64, "--out", url("degraded")),
        (*CALIBRATE, "--out", url("calibration")),
        # A run does not know its data's secrets any more: they must be given again.
        resume,
        (*resume, "--data", url("pairs")),
    )
    assert codes == [0] * 10 + [2, 0, 0, 2, 0], said
    assert "Next: pairgen verify 'vault://***@pairs?***'" in said
    assert "vault://***@pairs?***" in (desk / "run/README.md").read_text()
    assert "was recorded without its secrets" in said
    assert_nothing_leaked(desk, said)


def test_what_is_refused_or_fails_keeps_its_secrets(desk: Path) -> None:
    for name in ("unreadable", "a"):
        pairgen.ode(model="gaussian", cfg=2, steps=2, num_samples=2, out=str(desk / name))
        shutil.move(desk / name, desk.parent / "vault" / name)
    (desk.parent / "vault/a/__meta__/plan.yaml").write_text("seed: [")
    said, codes = commands(
        desk,
        ("verify", url("unreadable")),
        ("verify", url("a")),
        ("verify", url("nothing")),
        ("degrade", "--out", url("a")),
        ("verify", f"abfs://{KEY}:{SECRET}@b/x"),
        ("verify", f"none://{KEY}:{SECRET}@b/x"),
        ("degrade", "--from-ode", url("a")),
        ("degrade", "--images", url("a")),
        ("ode", "--prompts", url("a")),
        ("ode", "--model", url("a")),
        ("train", *TRAIN, "--data", "x", "--out", url("a")),
        ("eval", url("a"), "--data", url("a")),
        ("sample", "--out", url("a")),
        ("ode", "--executor", "ray", "--address", f"ray://u:{SECRET}@127.0.0.1:9"),
        ("ode", f"--{url('a')}"),
        ("ode", "--num-samples", url("a")),
        ("ode", "--config", url("a")),
        ("ode", "--set", f"seed={url('a')}"),
    )
    assert codes == [1] + [2] * 17, said
    assert "InvalidAccessKeyId: ***" in said
    assert_nothing_leaked(desk, said)


def test_an_unexpected_error_is_told_without_secrets(desk: Path) -> None:
    """A fault of pairgen's own ends in a traceback, and so do those of plug-ins."""
    (desk / "own").mkdir()
    (desk / "own/teacher.py").write_text(
        "def describe(**_):\n    raise RuntimeError('a fault at ' + open('url').read())\n"
        "def build(**_): ...\n"
    )
    (desk / "url").write_text(url("a"))
    (desk / "own.yaml").write_text(
        "teacher: own.teacher\ndtype: float32\nbatch_size: 1\nsamples_per_shard: 1\n"
    )
    said, codes = commands(desk, ("ode", "--model", "own.yaml", "--cfg", 1))
    assert codes == [1]
    assert "Traceback" in said
    assert "a fault at vault://***@a?***" in said
    assert not [secret for secret in SECRETS if secret in said]
