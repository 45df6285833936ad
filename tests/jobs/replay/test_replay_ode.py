"""A pair made again by its teacher: equal in every byte, or what was altered is named."""

import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pairgen
from pairgen.cli import cli
from pairgen.errors import ConfigError, CorruptShardError, TeacherLoadError
from pairgen.jobs.replay.run import run_replay, run_replays
from pairgen.shards.format import layout
from pairgen.shards.format.codec import decode_array, encode_field
from pairgen.shards.format.input_lists import LIST_SHA256
from pairgen.shards.format.plan_file import read_plan, write_plan
from pairgen.shards.storage.local_store import LocalStore
from tests.small_sets import flip_byte, write_set

SLOTS_PER_SHARD = 18
PROMPTS = [f"a {kind} {thing}" for kind in ("3d", "flat") for thing in ("fox", "owl", "cup", "car")]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 of 54 slots: three guidances, a path, embeddings, no noise; batches that do not divide."""
    out = tmp_path_factory.mktemp("replay") / "tiny"
    prompts = out.with_suffix(".txt")
    prompts.write_text("\n".join(PROMPTS), encoding="utf-8")
    options = {"model": "tiny", "cfg": "1,4,8", "prompts": str(prompts), "steps": 2, "seed": 7}
    pairgen.ode(
        **options,
        trajectory="999,499",
        noise="seed",
        store_embeddings=True,
        num_samples=51,
        samples_per_shard=SLOTS_PER_SHARD,
        batch_size=4,
        executor="serial",
        out=str(out),
    )
    return out


@pytest.fixture
def gaussian(tmp_path: Path) -> Path:
    """Two shards of eight pairs with their noise."""
    pairgen.ode(
        model="gaussian",
        cfg="3,8",
        num_samples=16,
        samples_per_shard=8,
        batch_size=3,
        steps=4,
        executor="serial",
        out=str(tmp_path / "out"),
    )
    return tmp_path / "out"


def alter(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Rewrite one member of a tar."""
    with tarfile.open(path) as tar:
        members = [(member, tar.extractfile(member).read()) for member in tar]
    assert name in [member.name for member, _ in members]
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for member, data in members:
            data = change(data) if member.name == name else data
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def with_fact(name: str, value: object) -> Callable[[bytes], bytes]:
    """Return a change of one fact in a json member."""
    return lambda data: json.dumps({**json.loads(data), name: value}).encode()


def test_51_samples_of_a_real_network_are_equal_in_every_byte(tiny: Path) -> None:
    results = list(run_replays(tiny, [str(index) for index in range(51)]))
    assert [result.key for result in results] == [f"{index:09d}" for index in range(51)]
    for result in results:
        assert result.differences == (), result
        assert result.software == ()
        assert set(result.equal) == {"json", "txt", "latent.npy", "path.npy", "txt_emb.npy"}


@pytest.mark.parametrize("key", ["17", "18", "50"])
def test_one_sample_alone_is_made_in_the_batch_that_it_was_in(tiny: Path, key: str) -> None:
    assert run_replay(tiny, key).differences == ()


def test_the_noise_of_a_set_that_stores_it_is_compared_too(gaussian: Path) -> None:
    (first, second) = run_replays(gaussian, ["15", "000000003", "3"])
    assert (first.key, second.key) == ("000000003", "000000015")
    assert first.differences == second.differences == ()
    assert "noise.npy" in first.equal


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("guidance_scale", 9.5, "guidance_scale: recorded 9.5, made again 8.0"),
        ("seed", 1, "seed: recorded 1, made again 0"),
        ("pair_index", 2, "pair_index: recorded 2, made again 4"),
        ("noise_crc32", 5, "noise_crc32: recorded 5, made again "),
    ],
)
def test_an_altered_fact_is_named(gaussian: Path, name: str, value: object, told: str) -> None:
    alter(gaussian / "train/00001.tar", "000000009.json", with_fact(name, value))
    result = run_replay(gaussian, "9")
    assert len(result.differences) == 1
    assert result.differences[0].startswith(told)
    assert set(result.equal) == {"txt", "noise.npy", "latent.npy"}
    assert run_replay(gaussian, "8").differences == ()
    shown = CliRunner().invoke(cli, ["replay", str(gaussian), "9", "8"])
    assert shown.exit_code == 1
    assert f"differs   {told}" in shown.output
    assert "Sample 000000008 is equal in every byte" in shown.output
    assert "1 of 2 are equal in every byte" in shown.output


def test_an_altered_latent_byte_is_told_with_its_size(gaussian: Path) -> None:
    path = gaussian / "train/00000.tar"
    with tarfile.open(path) as tar:
        member = tar.getmember("000000002.latent.npy")
    flip_byte(path, member.offset_data + member.size - 2)
    result = run_replay(gaussian, "2")
    (told,) = result.differences
    distance = result.distances["latent.npy"]
    assert distance.num_values == 1
    assert told.startswith("latent.npy is ")
    assert f"1 of {distance.size:,} values differ" in told


def test_rounding_is_told_as_what_is_equal(gaussian: Path) -> None:
    def nudge(data: bytes) -> bytes:
        array = decode_array(data)
        array.flat[0] = np.nextafter(array.flat[0], np.float16(10))
        return encode_field(array)

    alter(gaussian / "train/00000.tar", "000000002.latent.npy", nudge)
    result = run_replay(gaussian, "2")
    assert result.distances["latent.npy"].relative < 1e-3
    (told,) = result.differences
    assert told.startswith("latent.npy is equal to ")
    shown = told.partition(" relative")[0]
    assert shown.endswith(f"{result.distances['latent.npy'].relative:.1e}")


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("txt", lambda data: b"another", 'txt: recorded "another", made again "'),
        ("noise.npy", lambda data: data[:-2], "noise.npy is no longer an array: "),
        (
            "noise.npy",
            lambda data: encode_field(decode_array(data) * 0),
            "noise.npy is different by 1",
        ),
        (
            "latent.npy",
            lambda data: encode_field(decode_array(data).astype(np.float32)),
            "latent.npy is float32 [",
        ),
        ("json", lambda data: b"{", "json cannot be read: "),
        ("json", lambda data: b"[]", "json is not an object"),
        ("json", lambda data: data + b" ", "json has different bytes"),
    ],
)
def test_an_altered_member_is_named(gaussian: Path, name, change, told: str) -> None:
    alter(gaussian / "train/00001.tar", f"000000012.{name}", change)
    (found,) = run_replay(gaussian, "12").differences
    assert found.startswith(told)


def test_an_altered_prompt_file_is_named(gaussian: Path) -> None:
    path = gaussian / layout.PROMPTS
    data = path.read_bytes()
    path.write_bytes(data.replace(b"photo", b"pizza"))
    assert path.read_bytes() != data
    with pytest.raises(ConfigError, match=r"cannot be read: its SHA-256 is .*; run"):
        list(run_replays(gaussian, ["0"]))
    # A plan of before does not tell that of the file.
    store = LocalStore(gaussian)
    plan = read_plan(store)
    plan = replace(plan, source={k: v for k, v in plan.source.items() if k != LIST_SHA256})
    write_plan(store, plan)
    results = list(run_replays(gaussian, [str(index) for index in range(16)]))
    altered = [result for result in results if result.differences]
    assert altered
    for result in altered:
        assert result.differences[0] == f"{layout.PROMPTS} does not match the plan"
        assert result.differences[1].startswith("txt: recorded ")
    # pyarrow raises OSError for a damaged footer.
    for damaged in (b"nothing", data[:-40] + bytes(30) + data[-10:]):
        path.write_bytes(damaged)
        with pytest.raises(ConfigError, match=r"prompts\.arrow of .* cannot be read: .*; run"):
            run_replay(gaussian, "0")


def test_other_software_is_told_and_the_way_of_the_receipt_is_taken(gaussian: Path) -> None:
    # The set goes on with other batches: each shard is made again as it was made.
    pairgen.ode(out=str(gaussian), num_samples=24, batch_size=8)
    path = gaussian / layout.receipt_path(2)
    receipt = json.loads(path.read_text())
    assert receipt["made"]["batch_size"] == 8
    receipt["made"]["versions"]["torch"] = "1.0"
    receipt["made"]["device"] = "an abacus"
    del receipt["own_sha256"]
    path.write_text(json.dumps(receipt))
    results = list(run_replays(gaussian, [str(index) for index in range(24)]))
    assert [result.differences for result in results] == [()] * 24
    assert len({result.key for result in results}) == 24
    by_key = {result.key: result.software for result in results}
    assert by_key["000000000"] == ()
    told = by_key["000000020"]
    assert told[0].startswith("device: there an abacus, here cpu")
    assert told[1].startswith("torch: there 1.0, here ")


def test_what_is_not_there_is_one_sentence(gaussian: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="A key must be the number of a sample, 0 to 15, got '16'"
    ):
        run_replays(gaussian, ["0", "16"])
    store = write_set(tmp_path / "failed", failed={3: "non-finite latent"})
    with pytest.raises(ConfigError, match="Sample 000000003 was not made: non-finite latent"):
        run_replays(store.url, ["3"])
    (gaussian / "train/00001.tar").unlink()
    with pytest.raises(CorruptShardError, match=r"train/00001\.tar of .* is missing"):
        run_replays(gaussian, ["12"])
    flip_byte(gaussian / "train/00000.tar", 150)
    with pytest.raises(CorruptShardError, match="`pairgen repair` makes it again"):
        run_replay(gaussian, "5")


def test_other_weights_are_refused(gaussian: Path, tmp_path: Path) -> None:
    # What it was made with is a plan of another teacher: the closed form has no such modes.
    store = write_set(tmp_path / "other")
    with pytest.raises(TeacherLoadError, match="do not match the plan"):
        run_replay(store.url, "0")
