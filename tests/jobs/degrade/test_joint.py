"""`pairgen degrade --overlay`: noise, latent, HR and LR of one key belong together."""

import io
import json
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

import pairgen
from pairgen.errors import ConfigError, CorruptShardError, PlanMismatchError
from pairgen.jobs.inspect.annotations import annotations_data
from pairgen.jobs.replay.run import run_replay, run_replays
from pairgen.kinds.decode import decode_pictures
from pairgen.kinds.ode.maker import build_teacher
from pairgen.seeding import noise_for
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.sources.photographs import decode_rgb
from tests.annotated_sets import failed
from tests.joint_sets import DEGRADED, add_images, joint_of, make_pairs, remake
from tests.runs import receipts, samples, shas
from tests.small_sets import flip_byte

FIELDS = ["noise.npy", "latent.npy", "png", "lr4.png"]


@pytest.fixture
def pairs(tmp_path: Path, _pairs: Path) -> Path:
    shutil.copytree(_pairs, tmp_path / "pairs")
    return tmp_path / "pairs"


@pytest.fixture(scope="module")
def _pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_pairs(tmp_path_factory.mktemp("joint") / "pairs")


def state_of(parent: Path) -> str:
    (found,) = annotations_data(LocalStore(parent), read_plan(LocalStore(parent)))
    return str(found["state"])


def check_joint(parent: Path) -> None:
    """Decoded latent = HR, noise is the key's own, and both sets replay; the Loader agrees."""
    plan, overlay = read_plan(LocalStore(parent)), joint_of(parent)
    teacher = build_teacher(plan, torch.device("cpu"))
    for root in (parent, overlay):
        report = pairgen.verify(root)
        assert report.clean and not report.unread, report.table()
    batches, facts = [], ["index", "pair_index"]
    for scale in plan.recipe["guidance_scales"]:
        where = f"guidance_scale == {scale}"
        batches += pairgen.Loader(parent, fields=FIELDS, facts=facts, where=where, batch_size=1)
    taken = []
    for batch in batches:
        latent, key = batch["latent.npy"][0].numpy(), int(batch.facts["index"][0])
        noise = noise_for(plan.seed, int(batch.facts["pair_index"][0]), latent.shape, "float16")
        assert np.array_equal(batch["noise.npy"][0].numpy(), noise)
        (hr,) = decode_pictures(teacher, [latent])
        assert np.array_equal(batch["png"][0].numpy(), hr)
        assert batch["lr4.png"].shape == (1, 4, 4, 3)
        taken.append(key)
    stored = samples(overlay)
    assert sorted(taken) == [json.loads(each["json"])["index"] for each in stored]
    keys = [str(key) for key in taken]
    for root in (parent, overlay):
        assert not any(each.differences for each in run_replays(root, keys))


@pytest.mark.parametrize(
    "options",
    [{}, {"noise": "seed"}, {"cfg": "3,8", "num_samples": 8}],
    ids=["plain", "noise from its seed", "two guidance scales"],
)
def test_noise_latent_hr_and_lr_of_one_key_belong_together(options, tmp_path: Path) -> None:
    parent = make_pairs(tmp_path / "pairs", **options)
    before = shas(parent)
    overlay = add_images(parent)
    check_joint(parent)
    assert shas(parent) == before
    for of_parent, added in zip(samples(parent), samples(overlay), strict=True):
        facts = json.loads(added["json"])
        assert sorted(added) == ["json", "lr2.png", "lr4.png", "png"]
        assert facts["image_crc32"] == zlib.crc32(of_parent["latent.npy"])
        assert facts["seed"] == 7 and facts["sharpness"] > 0
    draws = {json.loads(each["json"])["draw"] for each in samples(overlay)}
    # Each sample has a draw of its own, siblings of one noise too.
    assert len(draws) == len(samples(overlay))


def test_images_are_those_that_a_degraded_set_of_the_same_seed_has(pairs: Path, tmp_path) -> None:
    images = ("png", "lr2.png", "lr4.png")
    add_images(pairs)
    apart = tmp_path / "apart"
    pairgen.degrade(from_ode=str(pairs), out=str(apart), crop=16, seed=7, **DEGRADED)
    for joint, degraded in zip(samples(joint_of(pairs)), samples(apart), strict=True):
        assert [joint[name] for name in images] == [degraded[name] for name in images]
        facts, other = json.loads(joint["json"]), json.loads(degraded["json"])
        assert facts == {name: other[name] for name in facts}


def test_the_torch_path_makes_batches_of_whole_images(pairs: Path) -> None:
    overlay = add_images(pairs, pixel_path="torch", batch_size=3, gpus_per_worker=0.0)
    expected = shas(overlay)
    assert not any(each.differences for each in run_replays(overlay, ["1", "2", "9"]))
    anew = add_images(pairs, pixel_path="torch", batch_size=3, out=str(overlay) + "2")
    assert shas(anew) == expected


def test_the_same_command_makes_nothing_twice_and_keeps_its_options(pairs: Path) -> None:
    overlay = add_images(pairs)
    before = receipts(overlay)
    manifest = pairgen.degrade(from_ode=str(pairs), overlay=True, executor="serial")
    assert manifest.complete and receipts(overlay) == before
    assert manifest.plan.recipe["degradation"] == "realesrgan-light"
    with pytest.raises(PlanMismatchError, match=r"levels .was 2,4, got 2"):
        pairgen.degrade(from_ode=str(pairs), overlay=True, scales="2")
    assert state_of(pairs) == "up to date"
    assert "pairgen degrade --from-ode pairs --overlay" in (overlay / "README.md").read_text()


def test_samples_that_the_parent_lacks_are_left_out(pairs: Path) -> None:
    remake(pairs, 1, failed=[5])
    remake(pairs, 2, failed=[8, 9])
    overlay = add_images(pairs)
    assert failed(overlay) == dict.fromkeys((5, 8, 9), "the parent has no such sample")
    assert pairgen.verify(overlay).clean
    loader = pairgen.Loader(pairs, fields=FIELDS, batch_size=1)
    assert len(loader) == 7 and loader.left_out == ()
    with pytest.raises(ConfigError, match="000000005 was left out: the parent has no such sample"):
        run_replay(overlay, "5")


def test_a_flat_image_is_left_out_by_the_threshold(pairs: Path) -> None:
    measured = [json.loads(each["json"])["sharpness"] for each in samples(add_images(pairs))]
    least = sorted(measured)[4]
    flat = [key for key, found in enumerate(measured) if found < least]
    overlay = add_images(pairs, min_sharpness=least, out=str(joint_of(pairs)) + "-sharp")
    assert sorted(failed(overlay)) == flat
    assert failed(overlay)[flat[0]].startswith("flat or blurred: sharpness")


def test_a_parent_that_grows_is_caught_up_with(pairs: Path) -> None:
    overlay = add_images(pairs)
    before = receipts(overlay)
    make_pairs(pairs, num_samples=14)
    assert state_of(pairs) == "2 shards to make"
    add_images(pairs)
    after = receipts(overlay)
    assert [after[name] == before[name] for name in ("00000.json", "00001.json")] == [True, True]
    assert len(samples(overlay)) == 14
    check_joint(pairs)
    assert shas(add_images(pairs, out=f"{pairs}-anew")) == shas(overlay)


def test_a_shard_whose_parent_has_other_bytes_is_made_again_and_only_it(pairs: Path) -> None:
    overlay = add_images(pairs)
    before = receipts(overlay)
    remake(pairs, 1, scale=0.5)
    assert [problem.kind for problem in pairgen.verify(overlay).problems] == ["stale"]
    with pytest.raises(CorruptShardError, match="is stale"):
        pairgen.Loader(pairs, fields=FIELDS, batch_size=1)
    with pytest.raises(CorruptShardError, match="its bytes are not those that its receipt names"):
        run_replay(overlay, "5")
    add_images(pairs)
    after = receipts(overlay)
    assert [name for name in after if after[name] != before[name]] == ["00001.json"]
    assert shas(add_images(pairs, out=f"{pairs}-anew")) == shas(overlay)
    teacher = build_teacher(read_plan(LocalStore(pairs)), torch.device("cpu"))
    latent = np.load(io.BytesIO(samples(pairs)[5]["latent.npy"]))
    assert np.array_equal(
        decode_rgb(samples(overlay)[5]["png"]), decode_pictures(teacher, [latent])[0]
    )


def test_repair_makes_bad_and_stale_shards_again(pairs: Path) -> None:
    overlay = add_images(pairs)
    expected = shas(overlay)
    flip_byte(overlay / "train/00001.tar", 700)
    assert not pairgen.verify(overlay).clean
    assert pairgen.repair(overlay, executor="serial").complete
    assert shas(overlay) == expected
    remake(pairs, 0, scale=0.5)
    assert pairgen.repair(overlay, executor="serial").complete
    assert shas(add_images(pairs, out=f"{pairs}-anew")) == shas(overlay)
    flip_byte(pairs / "train/00002.tar", 700)
    flip_byte(overlay / "train/00002.tar", 700)
    with pytest.raises(CorruptShardError, match=r"00002.tar of .* cannot be annotated"):
        pairgen.repair(overlay, executor="serial")


def test_behind_a_url(pairs: Path) -> None:
    import fsspec

    fs = fsspec.filesystem("memory")
    fs.put(str(pairs), "/joint/pairs", recursive=True)
    url = "memory://joint/pairs"
    assert pairgen.degrade(from_ode=url, overlay=True, **DEGRADED).complete
    for path in add_images(pairs).glob("train/*"):
        assert fs.cat(f"/joint/pairs.annotations/degraded/train/{path.name}") == path.read_bytes()
    fs.rm("/joint", recursive=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": 32}, "crop must be left out .* whole decoded latent, 16 x 16 px, got 32"),
        ({"crops": "tiled"}, "crops must be left out with overlay: .*, got tiled"),
        ({"samples_per_image": 2}, "samples_per_image must be left out with overlay: .*, got 2"),
        ({"max_aspect": 2.0}, "max_aspect must be left out with overlay"),
        ({"seed": 3}, "seed must be left out with overlay: .* adds to, 7, got 3"),
        ({"samples_per_shard": 5}, "samples_per_shard must be left out .* adds to, 4, got 5"),
        ({"images": "x"}, "Give images or from_ode, not both"),
        ({"captions": "x"}, "captions and column are for images"),
        ({"degradation": "none"}, "There is no degradation preset 'none'"),
        ({"batch_size": 3}, "batch_size must be left out with pixel_path 'cpu'"),
    ],
)
def test_what_leaves_no_choice_is_refused_and_nothing_is_written(
    options, message, pairs: Path
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        pairgen.degrade(**({"from_ode": str(pairs), "overlay": True} | DEGRADED | options))
    assert "\n" not in str(caught.value)
    assert not joint_of(pairs).exists()


def test_what_is_no_whole_pair_set_is_refused(pairs: Path, tmp_path: Path) -> None:
    overlay = add_images(pairs)
    with pytest.raises(ConfigError, match="overlay needs from_ode: the dataset whose samples"):
        pairgen.degrade(overlay=True)
    with pytest.raises(ConfigError, match=r"kind 'ode', but .* is of kind 'overlay'"):
        pairgen.degrade(from_ode=str(overlay), overlay=True)
    with pytest.raises(ConfigError, match="There is no folder"):
        pairgen.degrade(from_ode=str(tmp_path / "none"), overlay=True)
    with pytest.raises(ConfigError, match="holds a dataset of kind 'ode', not 'overlay'"):
        pairgen.degrade(from_ode=str(pairs), overlay=True, out=str(pairs))
    other = make_pairs(tmp_path / "other", seed=8)
    with pytest.raises(ConfigError, match="is an overlay of the dataset"):
        pairgen.degrade(from_ode=str(other), overlay=True, out=str(overlay))
    texts = Path(f"{pairs}.annotations/own_annotator")
    pairgen.annotate(pairs, add="tests.latent_annotator", out=str(texts), executor="serial")
    with pytest.raises(PlanMismatchError, match="holds the overlay of an annotator"):
        pairgen.degrade(from_ode=str(pairs), overlay=True, out=str(texts))
    with pytest.raises(PlanMismatchError, match="holds an overlay of another program, not of"):
        pairgen.annotate(pairs, add="tests.latent_annotator", out=str(overlay))
    (pairs / "__meta__/shards/00002.json").unlink()
    with pytest.raises(ConfigError, match=r"00002.tar of .* has not been made yet"):
        pairgen.degrade(from_ode=str(pairs), overlay=True, out=str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_set_that_was_moved_with_its_annotations_is_found(pairs: Path, tmp_path: Path) -> None:
    overlay = add_images(pairs)
    moved = pairs.rename(tmp_path / "renamed")
    overlay.parent.rename(f"{moved}.annotations")
    assert not run_replay(joint_of(moved), "7").differences
    before = receipts(joint_of(moved))
    add_images(moved)
    assert receipts(joint_of(moved)) == before


def test_a_dry_run_tells_the_bytes_and_writes_nothing(pairs: Path) -> None:
    from pairgen.jobs.degrade.dry_run import run_degrade_dry

    asked = {"from_ode": str(pairs), "overlay": True, **DEGRADED}
    before = sorted(pairs.parent.rglob("*"))
    run = run_degrade_dry(asked, num_samples=12)
    assert sorted(pairs.parent.rglob("*")) == before
    assert run.measured.num_samples == 10 and run.input_bytes == 0
    overlay = add_images(pairs)
    assert run.cost.num_bytes == sum(each.stat().st_size for each in overlay.glob("train/*"))
    assert run_degrade_dry(asked).cost is None
    remake(pairs, 1, scale=0.5, failed=[5])
    stale = run_degrade_dry(asked, num_samples=4)
    assert [task.shard_index for task in stale.manifest.missing] == [1]
    assert (stale.measured.num_slots, stale.measured.num_skipped) == (4, 1)
