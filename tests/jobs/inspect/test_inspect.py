"""`pairgen inspect`: counts, samples, pictures; of sets that are unfinished, remote or damaged."""

import json
import re
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import pairgen
from pairgen.cli import cli
from pairgen.drawing.cells import latent_cells, level_cells, trajectory_cells
from pairgen.drawing.pictures import FACTS_CHUNK
from pairgen.errors import ConfigError, CorruptShardError
from pairgen.jobs.inspect.run import run_inspect
from pairgen.jobs.inspect.sample_facts import sample_text
from pairgen.jobs.inspect.set_facts import set_text
from pairgen.kinds.decode import decode_picture, load_decoder
from pairgen.seeding import noise_for
from pairgen.shards.format import layout
from pairgen.shards.format.codec import decode_array
from pairgen.shards.format.manifest import read_receipt, write_receipt
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.loading.stored import find_sample, spread_rows
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import open_store
from pairgen.sources.photographs import decode_rgb
from tests.image_sets import image_plan, pixels, write_images
from tests.small_sets import flip_byte, make_plan, make_sample, write_set


def remade(store: LocalStore, shard_index: int, **made: object) -> None:
    """Let a receipt say that its shard was made in another way."""
    receipt = read_receipt(store, shard_index)
    write_receipt(store, replace(receipt, made={**receipt.made, **made}))


def test_what_stands_is_counted_and_ways_of_making_are_counted_apart(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set", failed={3: "non-finite latent", 17: "too dark"})
    remade(store, 2, device="NVIDIA H200", versions={"pairgen": "0.1.0", "torch": "2.7.0"})
    data = run_inspect(tmp_path / "set").data
    assert (data["kind"], data["complete"], data["num_samples"]) == ("ode", True, 22)
    assert (data["num_failed"], data["num_skipped"], data["num_shards"]) == (2, 0, 3)
    assert data["num_bytes"] == sum(p.stat().st_size for p in tmp_path.glob("set/train/*"))
    assert data["failed"][0] == {"key": "000000003", "reason": "non-finite latent"} | {
        "skipped": False
    }
    assert data["mixed"] == ["device", "torch"]
    assert data["made"]["torch"] == [
        {"value": "2.6.0", "num_shards": 2, "num_samples": 15},
        {"value": "2.7.0", "num_shards": 1, "num_samples": 7},
    ]
    assert data["made"]["batch_size"] == [{"value": "4", "num_shards": 3, "num_samples": 22}]
    assert data["members"]["latent.npy"] == {
        "dtype": "float16",
        "shape": [4, 8, 8],
        "mean_bytes": 128 + 2 * 4 * 8 * 8,
        "about": data["members"]["latent.npy"]["about"],
    }
    assert data["plan"]["guidance scales"] == [7.5]
    text = set_text(data)
    assert "device (mixed)" in text
    assert "NVIDIA H200: 1 shard, 7 samples" in text
    assert "000000017: too dark" in text


def test_an_unfinished_set_tells_what_stands(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    for path in (layout.receipt_path(1), layout.shard_path(1), layout.index_path(1)):
        store.remove(path)
    foreign = replace(read_receipt(store, 2), fingerprint="0" * 64)
    write_receipt(store, foreign)
    data = run_inspect(store.url).data
    assert (data["complete"], data["num_samples"], data["num_planned"]) == (False, 8, 24)
    assert data["num_foreign_receipts"] == 1
    with pytest.raises(ConfigError, match=r"000000009 of .* has not been made yet"):
        run_inspect(store.url, ["9"])
    for name in store.names(layout.RECEIPTS):
        store.remove(f"{layout.RECEIPTS}/{name}")
    nothing = run_inspect(store.url).data
    assert (nothing["num_samples"], nothing["made"]) == (0, {})
    assert "0 of 24 planned" in set_text(nothing)
    teacherless = "has no sample to show"
    with pytest.raises(ConfigError, match=teacherless):
        run_inspect(store.url, grid=str(tmp_path / "grid.png"))
    assert not (tmp_path / "grid.png").exists()


def test_a_sample_is_told_member_by_member_from_any_store(tmp_path: Path) -> None:
    plan = make_plan(guidance_scales=(3.0, 8.0), noise="seed")
    store = write_set(tmp_path / "set", plan)
    memory = fsspec.filesystem("memory")
    memory.put(f"{tmp_path}/set/", "/inspected/", recursive=True)
    data = run_inspect("memory://inspected", ["23"]).samples[0]
    assert data == run_inspect(store.url, ["000000023"]).samples[0]
    sample = make_sample(read_plan(store), 23)
    latent = sample.fields["latent.npy"].astype(np.float64)
    assert data["text"] == sample.fields["txt"]
    assert data["facts"] == sample.facts
    assert data["members"]["latent.npy"]["shape"] == [4, 8, 8]
    for name in ("min", "mean", "std", "max"):
        assert data["members"]["latent.npy"][name] == pytest.approx(getattr(latent, name)())
    assert data["members"]["noise.npy"]["note"].endswith("its checksum matches")
    assert data["made"]["batch_size"] == 4
    text = sample_text(data)
    assert "guidance_scale" in text
    assert run_inspect("memory://inspected").data["num_samples"] == 24


def test_a_condition_is_counted_and_chooses_the_samples_of_the_grid(
    gaussian: Path, tmp_path: Path
) -> None:
    grid = tmp_path / "grid.png"
    found = run_inspect(gaussian, where="guidance_scale == 8", grid=str(grid), num=5)
    assert found.data["where"] == {
        "condition": "guidance_scale == 8",
        "num_samples": 12,
        "num_left_out": 0,
    }
    with Image.open(grid) as image:
        facts = json.loads(image.info[FACTS_CHUNK])
    assert facts["keys"] == [f"{i:09d}" for i in (1, 7, 13, 17, 23)]
    with pytest.raises(ConfigError, match="has no column 'scale'"):
        run_inspect(gaussian, where="scale == 8")
    with pytest.raises(ConfigError, match="no sample that meets 'guidance_scale == 4'"):
        run_inspect(gaussian, where="guidance_scale == 4", grid=str(grid))
    assert run_inspect(gaussian, where="1 == 1").data["where"]["num_samples"] == 24


def test_what_cannot_be_done_is_one_sentence_and_writes_nothing(
    gaussian: Path, tmp_path: Path
) -> None:
    foreign = tmp_path / "holiday.png"
    Image.new("RGB", (2, 2)).save(foreign)
    before = foreign.read_bytes()
    for options, message in (
        ({"grid": str(foreign)}, "did not make: give another --grid"),
        ({"grid": "grid.jpg"}, "--grid must be a .png file, got 'grid.jpg'"),
        ({"grid": "g.png", "num": 0}, "num must be an integer in 1.."),
        ({"grid": "g.png", "trajectory": True}, "The dataset keeps no trajectories"),
        ({"trajectory": True}, "add --grid FILE.png"),
        ({"keys": ["3"], "where": "seed == 0"}, "give either keys or where"),
        ({"where": ""}, "where must not be empty"),
        ({"keys": ["24"]}, "A key must be the number of a sample, 0 to 23, got '24'"),
        ({"keys": ["x"]}, "A key must be the number of a sample"),
    ):
        with pytest.raises(ConfigError, match=message.replace(".", r"\.").replace("(", r"\(")):
            run_inspect(gaussian, **options)
    with pytest.raises(ConfigError, match="is not a dataset folder"):
        run_inspect(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError, match=r"is a training run.*: see its README"):
        run_inspect(tmp_path)
    assert foreign.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("checkpoints", "config.yaml", "holiday.png")
    ]


def test_the_states_of_a_sample_stand_in_a_row_from_noise_to_end_point(tmp_path: Path) -> None:
    out, grid = tmp_path / "out", tmp_path / "grid.png"
    pairgen.ode(
        model="tiny",
        cfg=4,
        num_samples=2,
        steps=4,
        trajectory="749,249",
        noise="seed",
        batch_size=2,
        out=str(out),
        executor="serial",
    )
    found = run_inspect(out, ["1"], grid=str(grid), trajectory=True)
    assert found.grid == grid
    plan, store = read_plan(open_store(out)), open_store(out)
    stored, _ = find_sample(store, plan, 1)
    decoder = load_decoder(plan.teacher, torch.device("cpu"))
    cells = trajectory_cells(plan, decoder, stored)
    noise = noise_for(0, 1, (4, 16, 16), "float16")
    states = [noise, *decode_array(stored.members["path.npy"])]
    states.append(decode_array(stored.members["latent.npy"]))
    assert len(cells) == len(states) == 4
    for cell, state in zip(cells, states, strict=True):
        np.testing.assert_array_equal(cell.picture, decode_picture(decoder, state))
    assert [cell.caption.partition(":")[0] for cell in cells] == [
        *("000000001", "t = 749", "t = 249", "end point, guidance 4")
    ]
    assert cells[0].caption == "000000001: t = 999"
    (end,) = latent_cells(decoder, stored)
    np.testing.assert_array_equal(end.picture, cells[-1].picture)
    with Image.open(grid) as image:
        # Four pictures of 64 px, enlarged twice, ten pixels apart.
        assert image.size[0] == 10 + 4 * (128 + 10)


def test_a_degraded_sample_stands_beside_its_levels(tmp_path: Path) -> None:
    out, grid = tmp_path / "out", tmp_path / "grid.png"
    pairgen.degrade(scales="4", crop=64, out=str(out), executor="serial")
    found = run_inspect(out, ["2"], grid=str(grid))
    assert found.samples[0]["members"]["lr4.png"]["shape"] == [16, 16, 3]
    assert "draw_shared_2_resize_factor" in sample_text(found.samples[0])
    plan = read_plan(open_store(out))
    stored, _ = find_sample(open_store(out), plan, 2)
    cells = level_cells(plan, stored)
    assert [cell.caption.split(", ")[-1] for cell in cells] == ["64 px", "32 px", "16 px"]
    low = decode_rgb(bytes(stored.members["lr4.png"]))
    np.testing.assert_array_equal(cells[2].picture, low.repeat(4, axis=0).repeat(4, axis=1))
    whole = run_inspect(out, grid=str(grid))
    assert (
        whole.data["members"]["png"]["mean_bytes"] > whole.data["members"]["lr4.png"]["mean_bytes"]
    )
    with Image.open(grid) as image:
        assert len(json.loads(image.info[FACTS_CHUNK])["keys"]) == 4


def test_conditions_are_described_as_stored_and_shown_in_gray(tmp_path: Path) -> None:
    url = write_images(tmp_path / "set", image_plan())
    grid = tmp_path / "grid.png"
    found = run_inspect(url, ["2"], grid=str(grid)).samples[0]["members"]
    assert (found["mask.png"]["dtype"], found["mask.png"]["shape"]) == ("uint8", [48, 64, 1])
    assert (found["depth.png"]["dtype"], found["depth.png"]["shape"]) == ("uint16", [48, 64, 1])
    plan = read_plan(open_store(url))
    depth = pixels(plan.members["depth.png"], 2)
    assert found["depth.png"]["max"] == depth.max() > 255
    stored, _ = find_sample(open_store(url), plan, 2)
    found = level_cells(plan, stored)
    assert found[0].caption.startswith("000000002: canny.png, 64 x 48 px")
    cells = {cell.caption.split(",")[0].split()[-1]: cell for cell in found}
    shown = np.rint(depth / 257).astype(np.uint8).repeat(3, axis=2)
    np.testing.assert_array_equal(cells["depth.png"].picture, shown)
    mask = pixels(plan.members["mask.png"], 2).repeat(3, axis=2)
    np.testing.assert_array_equal(cells["mask.png"].picture, mask)
    with Image.open(grid) as image:
        assert image.size[0] > 6 * 64


def test_a_damaged_shard_is_named_and_hides_nothing_else(tmp_path: Path) -> None:
    store = write_set(tmp_path / "set")
    flip_byte(tmp_path / "set/train/00001.tar", 150)
    data = run_inspect(store.url).data
    assert data["num_samples"] == 24
    assert data["members"]["latent.npy"]["mean_bytes"] is None
    with pytest.raises(CorruptShardError, match=r"train/00001\.tar of .* is damaged at byte 0"):
        run_inspect(store.url, ["8"])
    assert run_inspect(store.url, ["9"]).samples[0]["key"] == "000000009"
    store.remove(layout.index_path(0))
    with pytest.raises(CorruptShardError, match=r"index/00000\.parquet of .* is missing"):
        run_inspect(store.url, ["1"])
    store.remove(layout.shard_path(2))
    with pytest.raises(CorruptShardError, match=r"train/00002\.tar of .* is missing"):
        run_inspect(store.url, ["16"])


def test_the_command_prints_text_or_json(gaussian: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    shown = runner.invoke(cli, ["inspect", str(gaussian), "--json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout) == run_inspect(gaussian).data
    shown = runner.invoke(cli, ["inspect", str(gaussian), "3", "4"])
    assert shown.exit_code == 0
    assert "000000003" in shown.output
    assert "000000004" in shown.output
    shown = runner.invoke(cli, ["inspect", str(gaussian), "3", "--json", "--grid", "g.txt"])
    assert isinstance(shown.exception, ConfigError)


@pytest.mark.parametrize(
    ("counts", "num", "places"),
    [
        ([3, 0, 2], 9, [(0, 0), (0, 1), (0, 2), (2, 0), (2, 1)]),
        ([3, 0, 2], 2, [(0, 0), (2, 1)]),
        ([5], 1, [(0, 0)]),
        ([0, 0], 4, []),
        ([], 4, []),
        ([10, 10], 3, [(0, 0), (1, 0), (1, 9)]),
    ],
)
def test_samples_are_evenly_spread(counts, num: int, places) -> None:
    assert spread_rows(np.array(counts, np.int64), num) == places


def test_operations_are_told_by_name(tmp_path: Path) -> None:
    chain = tmp_path / "chain.yaml"
    chain.write_text("levels:\n  - jpeg: {}\n  - resize_to_target: {modes: [area]}\n")
    out = tmp_path / "out"
    pairgen.degrade(scales="2", crop=64, degradation=str(chain), out=str(out), executor="serial")
    data = pairgen.inspect(out).data
    told = "jpeg, resize_to_target (--json: all)"
    assert re.search(rf"^operations, once a level +{re.escape(told)}$", set_text(data), re.M)
    # A chain may have no operations once a sample, and a plan may be a stranger's.
    assert "once a sample" not in set_text(data)
    for told in ("null", "5", '"jpeg"', "[5, null, [], {}]"):
        data["plan"]["operations, once a level"] = told
        assert "once a level" not in set_text(data)
