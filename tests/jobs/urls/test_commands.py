"""Commands read URLs: same bytes as from files, no secrets kept, changes refused, clear ends."""

import threading
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest

import pairgen
from pairgen.errors import ConfigError
from pairgen.execution.progress import Progress
from pairgen.execution.ray.executor import RayOptions, run_ray
from pairgen.execution.worker import Job
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.sources.urls import addresses
from tests.runs import run, shas
from tests.s3_server import bucket, quiet, server
from tests.url_sources import NUM_IMAGES, NUM_TARS, memory, sources, web, write_sources
from tests.web_server import SECRET, WebServer, web_server

pytestmark = [*quiet]
__all__ = ["bucket", "memory", "server", "sources", "web"]

COLLECT: dict[str, Any] = {
    "size": 48,
    "crop": "random",
    "samples_per_shard": 4,
    "executor": "serial",
}
DEGRADE: dict[str, Any] = {"scales": "4", "crop": 32, "samples_per_shard": 4, "executor": "serial"}
ODE: dict[str, Any] = {"model": "gaussian", "cfg": "1", "steps": 2, "num_samples": 4}
TARS = "tars/{00000..00002}.tar"


def tars_of(sources: Path) -> list[str]:
    return [str(sources / f"tars/{number:05d}.tar") for number in range(NUM_TARS)]


def listed(out: Path) -> pa.Table:
    with pa.memory_map(str(out / layout.IMAGES)) as source:
        return pa.ipc.open_file(source).read_all()


def held(out: Path) -> bytes:
    """Return all that a dataset's folder holds."""
    return b"".join(path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file())


@pytest.mark.parametrize("name", ["photos", "photos/b/*.png", "tars", "table.parquet", "saved"])
def test_a_set_has_the_bytes_of_one_from_the_files(
    name: str, sources: Path, memory: str, tmp_path: Path
) -> None:
    for command, options in (("collect", COLLECT), ("degrade", DEGRADE)):
        make = getattr(pairgen, command)
        here, there = tmp_path / f"{command}-here", tmp_path / f"{command}-there"
        assert make(**options, images=sources / name, out=here).complete
        assert make(**options, images=f"{memory}/{name}", out=there).complete
        assert shas(there) == shas(here)
        assert (
            read_plan(open_store(there)).fingerprint() == read_plan(open_store(here)).fingerprint()
        )
        assert pairgen.verify(there).clean


def test_braces_and_a_web_server_give_the_same_bytes(
    sources: Path, web: WebServer, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    assert pairgen.collect(**COLLECT, images=tars_of(sources), out=here).complete
    assert pairgen.collect(**COLLECT, images=f"{web.url}/{TARS}", out=there).complete
    assert shas(there) == shas(here) and len(shas(here)) == 2 * NUM_TARS
    table = listed(there)
    assert table.column("container").unique().to_pylist() == [
        f"{web.url}/tars/{number:05d}.tar" for number in range(NUM_TARS)
    ]
    sizes = [Path(path).stat().st_size for path in tars_of(sources)]
    assert table.column("object_bytes").unique().to_pylist() == sorted(set(sizes))
    assert len(table.column("object_tag").unique()) == NUM_TARS
    assert not {"object_bytes", "object_tag"} & set(listed(here).column_names)


@pytest.mark.parametrize("name", ["p.txt", "p.csv", "p.jsonl.gz", "p.parquet", "p.tar"])
def test_prompts_give_the_same_bytes(
    name: str, sources: Path, web: WebServer, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    options = {**ODE, "executor": "serial"}
    pairgen.ode(**options, prompts=sources / "prompts" / name, out=here)
    pairgen.ode(**options, prompts=f"{web.url}/prompts/{name}", out=there)
    assert shas(there) == shas(here)


def test_a_run_continues_from_its_list_alone(sources: Path, web: WebServer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    pairgen.collect(**COLLECT, images=f"{web.url}/{TARS}", out=out, shard_range="1/3")
    web.answers.clear()
    assert pairgen.collect(**COLLECT, out=out).complete
    asked = [path for method, path, _, _ in web.answers if method == "HEAD"]
    assert len(asked) == len(set(asked)) and len(asked) <= NUM_TARS
    assert web.num_bytes() < sum(Path(path).stat().st_size for path in tars_of(sources))


def test_what_has_changed_since_the_plan_is_refused_and_named(tmp_path: Path) -> None:
    sources, out = write_sources(tmp_path / "sources"), tmp_path / "out"
    options = {**COLLECT, "out": out}
    with web_server(sources) as web:
        pairgen.collect(**options, images=f"{web.url}/{TARS}", shard_range="1/3")
        before = shas(out)
        (sources / "tars/00000.tar").rename(sources / "tars/00001.tar")
        with pytest.raises(ConfigError, match=r"/tars/00001\.tar has changed: it was planned"):
            pairgen.collect(**options)
        assert shas(out) == before


def test_an_image_that_has_changed_leaves_its_slot_empty(memory: str, tmp_path: Path) -> None:
    options = {**COLLECT, "samples_per_shard": 1, "out": tmp_path}
    pairgen.collect(**options, images=f"{memory}/photos", shard_range="1/3")
    fsspec.filesystem("memory").pipe_file("/sources/photos/b/c.png", b"other")
    manifest = pairgen.collect(**options, max_rejected=1)
    (failed,) = [slot for receipt in manifest.receipts for slot in receipt.failed]
    assert (
        failed.image == "b/c.png" and "memory://sources/photos/b/c.png has changed" in failed.reason
    )


@pytest.mark.slow
def test_secrets_are_kept_nowhere(sources: Path, web: WebServer, tmp_path: Path) -> None:
    web.needs_secret = True
    out, url = tmp_path / "out", f"{web.url}/{TARS}?{SECRET}"
    first = run("collect", **COLLECT, images=url, out=out, shard_range="1/3")
    assert first.returncode == 0, first.stderr
    refused = run("collect", **COLLECT, out=out)
    assert refused.returncode == 2
    assert refused.stderr.count("was recorded without its secrets") == 1
    again = run("collect", **COLLECT, images=url, out=out)
    assert again.returncode == 0, again.stderr
    prompts = tmp_path / "prompts"
    told = run("ode", **ODE, prompts=f"{web.url}/prompts/p.txt?{SECRET}", out=prompts)
    assert told.returncode == 0, told.stderr
    secret = SECRET.partition("=")[2]
    said = "".join(each.stdout + each.stderr for each in (first, refused, again, told))
    assert secret not in said and secret.encode() not in held(out) + held(prompts)
    here = tmp_path / "here"
    assert pairgen.collect(**COLLECT, images=tars_of(sources), out=here).complete
    assert shas(out) == shas(here)


def test_repair_goes_on_where_a_url_was_recorded_without_its_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = write_sources(tmp_path / "sources"), tmp_path / "out"
    options = {**COLLECT, "samples_per_shard": 1, "out": out, "max_rejected": 1}
    with web_server(folder) as web:
        web.needs_secret = True
        url = f"{web.url}/photos/{{a,b/c}}.png?{SECRET}"
        pairgen.collect(**options, images=url, shard_range="1/2")
        (folder / "photos/b/c.png").unlink()
        assert pairgen.collect(**options).num_failed == 1
        # As in a process of its own, which knows no secret.
        monkeypatch.setattr(addresses, "_addresses", {})
        before = shas(out)
        assert pairgen.repair(out).num_failed == 1
        assert shas(out) == before


@pytest.mark.parametrize(
    ("name", "denied", "told"),
    [
        ("tars/00009.tar", {}, "no such object"),
        ("tars/{00000..00009}.tar", {}, "/tars/00003.tar"),
        ("tars/00001.tar", {"00001.tar": 403}, "may not be read with these credentials"),
        ("tars/", {}, "web servers list nothing"),
        ("prompts/p.csv", {}, "Images must be"),
        ("tars/00000.parquet", {}, "none of the columns"),
    ],
)
def test_what_cannot_be_read_ends_before_anything_is_written(
    name: str, denied: dict[str, int], told: str, web: WebServer, tmp_path: Path
) -> None:
    web.denied = denied
    result = run("collect", **COLLECT, images=f"{web.url}/{name}", out=tmp_path / "out")
    assert result.returncode == 2, result.stderr
    assert told in result.stderr and "Traceback" not in result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("Error")]) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("tail", ["?token=x hunter22", "?token='x' hunter22"])
def test_a_secret_with_a_space_is_not_shown(
    tail: str, web: WebServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, make in (("images", pairgen.collect), ("prompts", pairgen.ode)):
        options = {"model": "gaussian", "cfg": "1"} if name == "prompts" else {"size": 48}
        place = {name: f"{web.url}/gone.tar{tail}", "out": tmp_path / "out"}
        with pytest.raises(ConfigError, match="no such object") as caught:
            make(**options, **place)
        assert "hunter22" not in str(caught.value) + "".join(capsys.readouterr())


@pytest.mark.parametrize("place", ["s3://bucket/hr", "https://host/hr"])
def test_pairs_are_folders_here(place: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Pairs must be local folders"):
        pairgen.collect(hr=place, lr=tmp_path, scale=4, size=64, out=tmp_path / "out")


@pytest.mark.slow
@pytest.mark.ray
def test_workers_on_ray_make_the_same_bytes(
    sources: Path, web: WebServer, tmp_path: Path, cluster: None
) -> None:
    web.needs_secret = True
    here, there = tmp_path / "here", tmp_path / "there"
    pairgen.collect(**COLLECT, images=tars_of(sources), out=here)
    url = f"{web.url}/{TARS}?{SECRET}"
    pairgen.collect(**COLLECT, images=url, out=there, shard_range="1/3")
    source, target = open_store(there), open_store(tmp_path / "ray")
    for path in (layout.PLAN, layout.IMAGES):
        target.put_bytes(path, source.read_bytes(path))
    plan = read_plan(target)
    job = Job(plan=plan.to_dict(), store_url=target.url)
    assert SECRET not in repr(job)
    num = NUM_TARS * NUM_IMAGES
    options = RayOptions(num_workers=2, gpus_per_worker=0, address="")
    run_ray(job, plan.tasks(), Progress(num, 0), threading.Event(), options)
    assert shas(tmp_path / "ray") == shas(here)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["photos", "tars/*.tar", TARS, "table.parquet", "saved"])
def test_a_bucket_gives_the_same_bytes(
    name: str, sources: Path, bucket: str, tmp_path: Path
) -> None:
    import s3fs

    files = s3fs.S3FileSystem()
    files.put(f"{sources}/", "pairs/sources/", recursive=True)
    here, there = tmp_path / "here", tmp_path / "there"
    local = tars_of(sources) if name == TARS else sources / name
    pairgen.collect(**COLLECT, images=local, out=here)
    pairgen.collect(**COLLECT, images=f"{bucket}/sources/{name}", out=there)
    assert shas(there) == shas(here)
    tags = listed(there).column("object_tag").to_pylist()
    assert all(tags) and "pairs" not in tags


@pytest.mark.slow
def test_a_bucket_that_is_not_there_and_an_object_that_changes(
    bucket: str, sources: Path, tmp_path: Path
) -> None:
    import s3fs

    with pytest.raises(ConfigError, match="Nothing is at 's3://gone/tars'"):
        pairgen.collect(**COLLECT, images="s3://gone/tars", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    files = s3fs.S3FileSystem()
    files.put(f"{sources}/tars/", "pairs/tars/", recursive=True)
    options = {**COLLECT, "out": tmp_path / "out"}
    pairgen.collect(**options, images=f"{bucket}/tars", shard_range="1/3")
    content = files.cat_file("pairs/tars/00002.tar")
    files.pipe_file("pairs/tars/00002.tar", content[:-1] + b"x")
    with pytest.raises(ConfigError, match=r"s3://pairs/tars/00002\.tar has changed"):
        pairgen.collect(**options)
