"""`pairgen push`, to a hub on this machine: what arrives, what is sent again, what is refused."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from click.testing import CliRunner

import pairgen
from pairgen.cli import cli
from pairgen.errors import ConfigError, PairgenError
from pairgen.jobs.push import run as push_run
from pairgen.jobs.push.address import Address, parse_address
from pairgen.jobs.push.card import split_card, without_paths
from pairgen.jobs.push.content import PushedFile
from pairgen.jobs.push.secrets import check_no_secrets
from pairgen.jobs.verify.run import verify_all
from tests.jobs.push.hub_server import READER, TOKEN, Hub, Repo, serving
from tests.runs import QUICK_ODE, command

SET = {**QUICK_ODE, "num_samples": 12}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 pairs in 3 shards. Do not change it."""
    out = tmp_path_factory.mktemp("push") / "pairs"
    pairgen.ode(**SET, out=str(out))
    return out


def dataset(hub: Hub, name: str = "me/pairs") -> Repo:
    return hub.repos["dataset", name]


def fetched(repo: Repo, folder: Path) -> Path:
    """Write what a repository holds to a folder, as a download does."""
    for path, content in repo.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def test_a_pushed_dataset_is_the_dataset(hub: Hub, pairs: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in pairs.rglob("*") if path.is_file()}
    pushed = pairgen.push(pairs, "hf://datasets/me/pairs")
    repo = dataset(hub)
    assert (pushed.private, repo.private, pushed.num_unchanged) == (True, True, 0)
    assert set(pushed.files) == set(repo.files) - {".gitattributes"}
    assert pushed.num_bytes == sum(len(repo.files[path]) for path in pushed.files)
    assert len(repo.commits) == 1 and repo.commits[0][-1] == "README.md"
    assert {path: path.read_bytes() for path in before} == before
    copy = fetched(repo, tmp_path / "copy")
    assert pairgen.verify(copy).clean
    for path in before:
        name = path.relative_to(pairs).as_posix()
        if not name.startswith(("README.md", "__meta__/tmp")):
            assert repo.files[name] == before[path]
    assert f"Pushed to {pushed.url}" in repr(pushed)


def test_the_card_has_a_preview_and_licenses(hub: Hub, pairs: Path) -> None:
    pairgen.push(pairs, "hf://datasets/me/pairs", license="cc-by-4.0")
    repo = dataset(hub)
    front, body = split_card(repo.files["README.md"].decode())
    assert front["license"] == "cc-by-4.0" and front["configs"][0]["config_name"] == "default"
    assert repo.files["preview.png"].startswith(b"\x89PNG")
    assert "![8 of 12 samples](preview.png)" in body
    assert "This dataset has the license cc-by-4.0. The model gaussian" in body
    assert "The license of the prompts is not recorded" in body
    # The gallery stands before the first section, and the rest as it was.
    own = split_card((pairs / "README.md").read_text())[1]
    assert all(line in body.splitlines() for line in own.splitlines())


def test_a_second_push_sends_what_changed(hub: Hub, pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "pairs"
    shutil.copytree(pairs, out)
    first = pairgen.push(out, "hf://datasets/me/pairs")
    again = pairgen.push(out, "hf://datasets/me/pairs")
    assert (again.files, again.num_unchanged) == ({}, len(first.files))
    assert len(dataset(hub).commits) == 1
    hub.sent.clear()
    pairgen.ode(**{**SET, "num_samples": 16}, out=str(out))
    grown = pairgen.push(out, "hf://datasets/me/pairs")
    tars = [path for path in grown.files if path.endswith(".tar")]
    assert tars == ["train/00003.tar"]
    # The new tar, its index, the preview and the list of prompts.
    assert len(hub.sent) <= 4
    assert pairgen.verify(fetched(dataset(hub), tmp_path / "copy")).clean
    with pytest.raises(
        ConfigError, match="holds 16 samples of this dataset, more than the 12 here"
    ):
        pairgen.push(pairs, "hf://datasets/me/pairs")


def test_what_is_gone_here_is_removed_there_but_for_files_of_others(hub: Hub, pairs: Path) -> None:
    pairgen.push(pairs, "hf://datasets/me/pairs")
    files = dataset(hub).files
    files |= {"train/00007.tar": b"old", "notes.md": b"mine", "__meta__/shards/00007.json": b"{}"}
    dry = pairgen.push(pairs, "hf://datasets/me/pairs", dry_run=True)
    assert dry.removed == ("__meta__/shards/00007.json", "train/00007.tar") and not dry.sent
    assert pairgen.push(pairs, "hf://datasets/me/pairs").removed == dry.removed
    assert "notes.md" in files and "train/00007.tar" not in files


def test_a_push_that_broke_off_goes_on(
    hub: Hub, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_run, "MAX_FILES", 4)
    hub.breaks_after = 2
    with pytest.raises(PairgenError, match=r"status 501: .* Run the same command again") as caught:
        pairgen.push(pairs, "hf://datasets/me/pairs")
    assert caught.value.exit_code == 1 and TOKEN not in str(caught.value)
    assert not isinstance(caught.value, ConfigError)
    hub.breaks_after = 10**9
    rest = pairgen.push(pairs, "hf://datasets/me/pairs")
    assert rest.num_unchanged == 8
    order = [path for commit in dataset(hub).commits for path in commit]
    assert len(order) == len(set(order)) and order[0] == "__meta__/plan.yaml"
    assert order.index("train/00002.tar") < order.index("__meta__/shards/00000.json")
    assert pairgen.verify(fetched(dataset(hub), tmp_path / "copy")).clean


def test_another_dataset_is_not_mixed_in(hub: Hub, pairs: Path, tmp_path: Path) -> None:
    pairgen.push(pairs, "hf://datasets/me/pairs")
    other = tmp_path / "other"
    pairgen.ode(**{**SET, "seed": 5}, out=str(other))
    before = dict(dataset(hub).files)
    with pytest.raises(ConfigError, match="holds another dataset"):
        pairgen.push(other, "hf://datasets/me/pairs")
    hub.repos["dataset", "me/tars"] = Repo(private=False, files={"train/a.tar": b"foreign"})
    with pytest.raises(ConfigError, match=r"holds train/a\.tar, which pairgen did not push"):
        pairgen.push(other, "hf://datasets/me/tars")
    assert dataset(hub).files == before


def test_an_unfinished_dataset_is_pushed_only_if_asked(hub: Hub, tmp_path: Path) -> None:
    out = tmp_path / "half"
    pairgen.ode(**SET, out=str(out), shard_range="1/3")
    with pytest.raises(ConfigError, match=r"not finished: 2 of 3 shards .* --unfinished") as caught:
        pairgen.push(out, "hf://datasets/me/half")
    assert caught.value.exit_code == 2 and hub.repos == {}
    pairgen.push(out, "hf://datasets/me/half", unfinished=True)
    files = dataset(hub, "me/half").files
    assert [path for path in files if path.endswith(".tar")] == ["train/00000.tar"]
    # Another machine has made and pushed the others.
    pairgen.ode(**SET, out=str(tmp_path / "rest"), shard_range="2/3")
    pushed = pairgen.push(tmp_path / "rest", "hf://datasets/me/half", unfinished=True)
    assert pushed.removed == ()
    assert [path for path in files if path.endswith(".tar")] == [
        "train/00000.tar",
        "train/00001.tar",
    ]


def test_a_damaged_dataset_is_refused_but_for_what_quick_does_not_read(
    hub: Hub, pairs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pairs"
    shutil.copytree(pairs, out)
    tar = out / "train/00001.tar"
    data = bytearray(tar.read_bytes())
    data[2000] ^= 1
    tar.write_bytes(data)
    with pytest.raises(ConfigError, match=r"not clean \(.*, train/00001\.tar\)"):
        pairgen.push(out, "hf://datasets/me/pairs")
    tar.unlink()
    with pytest.raises(ConfigError, match=r"not clean \(missing shard, train/00001\.tar\)"):
        pairgen.push(out, "hf://datasets/me/pairs", quick=True)
    assert hub.repos == {}


@pytest.mark.parametrize(
    ("token", "to", "code", "message"),
    [
        ("", "hf://datasets/me/pairs", 2, "no token .* set HF_TOKEN"),
        ("hf_unknown", "hf://datasets/me/pairs", 2, "does not accept the token"),
        (READER, "hf://datasets/me/pairs", 2, "may not write .* You don't have the rights"),
        (TOKEN, "hf://datasets/you/pairs", 2, "may not write .* You don't have the rights"),
        (TOKEN, "hf://me/pairs", 2, "is a dataset: push it to hf://datasets/me/pairs"),
        (TOKEN, "hf://datasets/pairs", 2, "hf://datasets/OWNER/NAME"),
    ],
)
def test_what_the_hub_or_the_address_does_not_allow_is_one_sentence(
    hub: Hub,
    pairs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    token: str,
    to: str,
    code: int,
    message: str,
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(PairgenError, match=message) as caught:
        pairgen.push(pairs, to, quick=True)
    assert caught.value.exit_code == code and "\n" not in str(caught.value)
    assert hub.repos == {}


def test_a_license_that_the_hub_does_not_know_is_refused(hub: Hub, pairs: Path) -> None:
    with pytest.raises(ConfigError, match=r'refuses .*"license" must be one of a list'):
        pairgen.push(pairs, "hf://datasets/me/pairs", license="nonsense")
    assert list(dataset(hub).files) == [".gitattributes"]


def test_a_hub_out_of_reach_ends_with_one(
    hub: Hub, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PairgenError, match="cannot be reached") as caught:
        pairgen.push(pairs, "hf://datasets/me/pairs", quick=True)
    assert caught.value.exit_code == 1
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set"):
        pairgen.push(pairs, "hf://datasets/me/pairs", quick=True)


def test_a_dry_run_out_of_reach_lists_what_is_here(
    hub: Hub, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    constants, reachable = huggingface_hub.constants, hub.url
    listed = pairgen.push(pairs, "hf://datasets/me/pairs", dry_run=True)
    assert listed.unasked == ""
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    unreached = pairgen.push(pairs, "hf://datasets/me/pairs", dry_run=True)
    assert unreached.files == listed.files and not unreached.sent
    assert "Connect" in unreached.unasked and "Run the same command" not in unreached.unasked
    shown = CliRunner().invoke(cli, ["push", str(pairs), "hf://datasets/me/pairs", "--dry-run"])
    assert shown.exit_code == 0 and "  train/00002.tar\n" in shown.stdout
    assert "The hub could not be asked what it holds (Connect" in shown.stdout
    assert "unchanged" not in shown.stdout and "Nothing was sent." in shown.stdout
    monkeypatch.setattr(constants, "ENDPOINT", reachable)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    offline = pairgen.push(pairs, "hf://datasets/me/pairs", dry_run=True)
    assert (offline.files, offline.unasked) == (listed.files, "HF_HUB_OFFLINE is set")


@pytest.mark.parametrize("secret", ["s3://KEY:SECRET@bucket/prompts.txt", TOKEN])
def test_a_secret_is_not_pushed(secret: str) -> None:
    cut = PushedFile("__meta__/plan.yaml", b"out: s3://***@bucket/set?***\n")
    prompts = PushedFile("__meta__/rejected/00000.jsonl", secret.encode())
    check_no_secrets([cut, prompts], TOKEN)
    with pytest.raises(ConfigError, match=r"__meta__/plan\.yaml holds .* not pushed") as caught:
        check_no_secrets([cut, PushedFile(cut.path, secret.encode())], TOKEN)
    assert "SECRET" not in str(caught.value) and TOKEN not in str(caught.value)


def test_a_folder_that_is_neither_is_refused(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a dataset nor a training run"):
        pairgen.push(tmp_path, "hf://me/x")
    with pytest.raises(ConfigError, match="a folder on this machine"):
        pairgen.push("memory://pairs", "hf://datasets/me/x")
    (tmp_path / "config.yaml").write_text("steps: 3\n")
    with pytest.raises(ConfigError, match="without a student yet"):
        pairgen.push(tmp_path, "hf://me/x")
    assert hub.repos == {}


def test_buckets_are_pushed_together(hub: Hub, tmp_path: Path) -> None:
    out = tmp_path / "buckets"
    pairgen.collect(size=64, bucket=True, out=str(out), executor="serial")
    pairgen.push(out, "hf://datasets/me/buckets")
    copy = fetched(dataset(hub, "me/buckets"), tmp_path / "copy")
    assert all(report.clean for _, report in verify_all(copy, {}))
    assert pairgen.push(out, "hf://datasets/me/buckets").files == {}


def test_the_command_says_what_it_would_send_and_what_it_sent(pairs: Path, tmp_path: Path) -> None:
    with serving() as hub:
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path),
            "HF_TOKEN": TOKEN,
            "HF_HUB_DISABLE_XET": "1",
        }

        def push(*flags: str) -> subprocess.CompletedProcess[str]:
            line = command("push", str(pairs), "hf://datasets/me/pairs", *flags)
            return subprocess.run(line, env=environment, capture_output=True, text=True)

        dry = push("--dry-run")
        assert (dry.returncode, hub.repos) == (0, {}), dry.stderr
        assert "  train/00002.tar\n" in dry.stdout and "Nothing was sent." in dry.stdout
        done = push("--public", "--quick")
        assert done.returncode == 0, done.stderr
        assert f"Public: {hub.url}/datasets/me/pairs" in done.stdout
        assert not dataset(hub).private
        again = push()
        assert "0 files sent" in again.stdout
        environment["HF_TOKEN"] = READER
        assert push("--license", "mit").returncode == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hf://me/a-b.c", Address("model", "me/a-b.c")),
        ("hf://datasets/me/x/", Address("dataset", "me/x")),
        ("hf://me/x@main", None),
        ("hf://datasets/x", None),
        ("hf://a/b/c", None),
        ("me/x", None),
        ("hf://me/x\n", None),
    ],
)
def test_addresses(text: str, expected: Address | None) -> None:
    if expected is None:
        with pytest.raises(ConfigError, match="hf://datasets/OWNER/NAME"):
            parse_address(text)
    else:
        assert parse_address(text) == expected
        assert parse_address(expected.url) == expected


def test_paths_of_the_machine_are_cut() -> None:
    text = "| /home/me/my pairs | at /mnt/x/y.txt, 'file:///a/b', https://a.b/c/d, train/0.tar |"
    local: list[Any] = ["/home/me/my pairs", "pairs", "/"]
    assert without_paths(text, local) == (
        "| my pairs | at y.txt, 'b', https://a.b/c/d, train/0.tar |"
    )
