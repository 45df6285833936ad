"""Nested levels: what a level is made from, in real sets of both paths, and what is refused."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import pairgen
from pairgen.degradations.base import Target, from_levels, to_levels
from pairgen.degradations.chain import Chain
from pairgen.errors import ConfigError, PlanMismatchError
from pairgen.jobs.degrade.dry_run import run_degrade_dry
from pairgen.jobs.degrade.inputs import preset_of
from pairgen.jobs.replay.run import run_replays
from pairgen.kinds.degrade.earlier_presets import BEFORE
from pairgen.kinds.degrade.nested import HALVING, choose_operations
from pairgen.kinds.degrade.options import DegradeConfig
from pairgen.kinds.degrade.plan import make_degrade_plan
from pairgen.kinds.degrade.pyramid import (
    Preset,
    find_preset,
    make_preset,
    preset_names,
    render,
    render_batch,
)
from pairgen.shards.format.index import decode_index
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.sources.photographs import decode_rgb
from pairgen.types import canonical_json
from tests.degradations.pictures import make_picture
from tests.joint_sets import add_images, make_pairs
from tests.runs import kill_group, receipts, samples, shas, start, undo_shards, wait_until

PAINTED = {
    "images": "package:painted",
    "num_images": 6,
    "crop": 64,
    "scales": "4,8",
    "samples_per_shard": 3,
    "seed": 3,
    "executor": "serial",
}
NOISY = """
shared: [isotropic_blur]
levels: [resize_to_target, gaussian_noise, jpeg]
nested:
  - resize_to_target: {modes: [area, bicubic-antialias]}
  - gaussian_noise: {sigma: [5, 15]}
  - jpeg: {quality: [60, 95]}
"""
HALVED = Chain(operations=HALVING)
HALVED_DRAW = {"operations": [{"resize_to_target": {"mode": "bicubic-antialias"}}]}
# By an earlier version: the start of a plan's fingerprint, and of the hash of eight draws.
EARLIER = {
    "bicubic": ("2ce0a178adc23b60", "19d56f0562cc77c7"),
    "bsrgan": ("9e39093cd2251557", "d66144f3dfcc16b0"),
    "osediff": ("b2f4fe1c590dd652", "04f4ec03e7024c67"),
    "realesrgan": ("1563bb4b5ab11fbe", "de4e07e1fdb23c5d"),
    "realesrgan-light": ("462e422caeb7d10c", "d08945ea26f23c39"),
}


@pytest.fixture
def noisy(tmp_path: Path) -> str:
    """A preset whose nested levels get noise of their own."""
    (tmp_path / "noisy.yaml").write_text(NOISY)
    return str(tmp_path / "noisy.yaml")


def degrade(out: Path, **options: object) -> Path:
    assert pairgen.degrade(out=str(out), **(PAINTED | {"nested": True} | options)).complete
    report = pairgen.verify(out)
    assert report.clean, report.table()
    return out


def stored(sample: dict[str, bytes], level: int) -> np.ndarray:
    return decode_rgb(sample[f"lr{level}.png"])


def made_from(before: np.ndarray, chain: Chain, draw: dict, level: int) -> np.ndarray:
    """Return level N of a stored level N / 2, by a chain whose scale is 2."""
    size = (before.shape[0] // 2, before.shape[1] // 2)
    target = Target(level, size, num_halvings={4: 1, 8: 2, 16: 3}[level])
    return to_levels(chain.apply(from_levels(before), draw, target))


def halved_by_pillow(picture: np.ndarray) -> np.ndarray:
    """Return a picture [H, W, 3] reduced by Pillow in float32, in 8-bit levels."""
    size = (picture.shape[1] // 2, picture.shape[0] // 2)
    planes = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(picture, 2, 0)]
    found = [np.asarray(plane.resize(size, Image.Resampling.BICUBIC)) for plane in planes]
    return np.stack(found, axis=2).clip(0, 255)


@pytest.mark.parametrize("preset", preset_names())
def test_a_level_is_the_reduction_of_the_stored_one_before(preset, tmp_path):
    nested = samples(degrade(tmp_path / "nested", degradation=preset))
    apart = samples(degrade(tmp_path / "apart", degradation=preset, nested=False))
    pairs = list(zip(nested, apart, strict=True))
    for sample, other in pairs:
        for level in (4, 8):
            before, found = stored(sample, level // 2), stored(sample, level)
            np.testing.assert_array_equal(found, made_from(before, HALVED, HALVED_DRAW, level))
            assert np.abs(halved_by_pillow(before) - found).max() < 0.51
        # The first level is the preset's own, and so is its draw.
        assert sample["lr2.png"] == other["lr2.png"] and sample["png"] == other["png"]
        draws = [json.loads(json.loads(each["json"])["draw"]) for each in (sample, other)]
        assert draws[0].pop("nested") == HALVED_DRAW
        assert draws[0] == draws[1]
    # From HR, the others differ, even without noise.
    for level in (4, 8):
        assert any(one[f"lr{level}.png"] != two[f"lr{level}.png"] for one, two in pairs)


@pytest.mark.parametrize("path", [{}, {"pixel_path": "torch", "gpus_per_worker": 0.0}], ids=str)
def test_a_chain_with_noise_goes_from_stored_level_to_stored_level(path, noisy, tmp_path):
    out = degrade(tmp_path / "out", degradation=noisy, scales="8,16", **path)
    chain = find_preset(noisy).nested
    batches = "pixel_path" in path
    for sample in samples(out):
        draw = json.loads(json.loads(sample["json"])["draw"])["nested"]
        for level in (8, 16):
            before, found = stored(sample, level // 2), stored(sample, level)
            expected = made_from(before, chain, draw, level)
            # Float32 sums in another order there.
            assert np.abs(found.astype(int) - expected).max() <= (1 if batches else 0)
            # From the same recorded numbers, with a noise field of its own.
            target = Target(32, found.shape[:2], num_halvings=4)
            other = to_levels(chain.apply(from_levels(before), draw, target))
            assert np.abs(other.astype(int) - found).max() > 5
    modes = {row["draw_nested_0_resize_to_target_mode"] for row in index_rows(out)}
    assert modes == {"area", "bicubic-antialias"}


def index_rows(out: Path) -> list[dict[str, Any]]:
    files = sorted(out.glob("__meta__/index/*.parquet"))
    return [row for path in files for row in decode_index(path.read_bytes())]


def nested_preset(name: str) -> Preset:
    preset = find_preset(name)
    return make_preset(name, choose_operations(preset.recipe, nested=True))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", [*preset_names(), "noisy"])
def test_the_torch_path_agrees_and_rounds_between_levels(name, noisy):
    preset = nested_preset(noisy if name == "noisy" else name)
    images = [(make_picture(64, 64, seed=n) * 255).round().astype(np.uint8) for n in range(16)]
    draws = [preset.draw(np.random.default_rng([5, number])) for number in range(16)]
    batch = render_batch(preset, images, draws, (8, 2, 4), torch.device("cpu"))
    differences = []
    for number, (image, draw) in enumerate(zip(images, draws, strict=True)):
        found, expected = batch[number], render(preset, image, draw, (2, 4, 8))
        differences += [np.abs(found[n].astype(int) - expected[n]) for n in (2, 4, 8)]
        (alone,) = render_batch(preset, [image], [draw], (2, 4, 8), torch.device("cpu"))
        for level in (4, 8):
            assert alone[level].tobytes() == found[level].tobytes()
            again = made_from(found[level // 2], preset.nested, draw["nested"], level)
            assert np.abs(again.astype(int) - found[level]).max() <= 1
    # The bounds of levels that are not nested, see test_render_batch.py.
    largest = np.array([difference.max() for difference in differences])
    assert (largest > 1).sum() <= (0 if name == "bicubic" else 5)
    assert largest.max() <= 24
    assert np.mean([difference.mean() for difference in differences]) < 0.05


def test_the_scale_of_a_nested_chain_is_2_at_every_level():
    recipe = {"levels": ["resize_to_target"], "nested": [{"decimate": {"sigma": [0.5, 0.6]}}]}
    preset, image = make_preset("own", recipe), np.zeros((64, 32, 3), np.uint8)
    draw = preset.draw(np.random.default_rng(0))
    pictures = render(preset, image, draw, (4, 8, 16))
    assert [picture.shape for picture in pictures.values()] == [(16, 8, 3), (8, 4, 3), (4, 2, 3)]


@pytest.mark.parametrize("name", EARLIER)
def test_plans_and_draws_of_other_sets_are_those_of_an_earlier_version(name):
    config = DegradeConfig(degradation=BEFORE.get(name, name), scales="4,8", seed=3)
    preset = replace(preset_of({}, config, None), name=name)
    source = {"sha256": "0" * 64, "num_inputs": 8, "name": "none", "num_captions": 0}
    plan = make_degrade_plan(config, preset, source, 8, {})
    draws = [preset.draw(np.random.default_rng([5, number])) for number in range(8)]
    hashed = hashlib.sha256(canonical_json(draws).encode()).hexdigest()
    assert (plan.fingerprint()[:16], hashed[:16]) == EARLIER[name]


def test_a_set_replays_is_repaired_continues_and_says_what_it_is(noisy, tmp_path):
    out = degrade(tmp_path / "out", degradation=noisy)
    expected = shas(out)
    assert not any(each.differences for each in run_replays(out, ["0", "3", "5"]))
    path = out / "train/00001.tar"
    data = bytearray(path.read_bytes())
    data[data.index(b"IDAT") + 40] ^= 1
    path.write_bytes(data)
    assert not pairgen.verify(out).clean
    assert pairgen.repair(out, executor="serial").complete
    assert shas(out) == expected
    # The folder remembers its levels and its operations, whatever became of the preset's file.
    undo_shards(out)
    Path(noisy).write_text("levels: [resize_to_target]")
    assert pairgen.degrade(out=str(out), executor="serial").complete
    assert shas(out) == expected
    card = (out / "README.md").read_text()
    assert "| levels made from | the stored one before; the first from HR |" in card
    assert "| operations, for level 1/2 |" in card
    assert '| operations, from level to level | [{"resize_to_target"' in card
    for options in ({"nested": False}, {"degradation": "bicubic"}):
        with pytest.raises(PlanMismatchError, match=r"operations\.nested"):
            pairgen.degrade(out=str(out), **options)
    apart = degrade(tmp_path / "apart", degradation="bicubic", nested=False)
    assert "levels made from" not in (apart / "README.md").read_text()
    with pytest.raises(PlanMismatchError, match=r"operations\.nested \(was None, got "):
        pairgen.degrade(out=str(apart), nested=True)


def test_an_overlay_has_nested_levels(tmp_path):
    options = {"nested": True, "degradation": "osediff"}
    overlay = add_images(make_pairs(tmp_path / "pairs"), **options)
    for sample in samples(overlay):
        found = made_from(stored(sample, 2), HALVED, HALVED_DRAW, 4)
        np.testing.assert_array_equal(stored(sample, 4), found)
    assert pairgen.verify(overlay).clean
    assert not any(each.differences for each in run_replays(overlay, ["1", "9"]))


def test_a_dry_run_tries_nested_levels_and_writes_nothing(tmp_path):
    asked = {**PAINTED, "nested": True, "degradation": "osediff", "out": str(tmp_path / "out")}
    tried = run_degrade_dry(asked, num_samples=6)
    assert not (tmp_path / "out").exists()
    assert tried.measured.num_samples == 6
    made = degrade(tmp_path / "out", degradation="osediff")
    fingerprint = read_plan(open_store(made)).fingerprint()
    assert tried.manifest.plan.fingerprint() == fingerprint


@pytest.mark.parametrize(
    ("options", "given"),
    [
        ({"scales": "2,16"}, "2,8,16"),
        ({"scales": "16,4", "levels": "4,16"}, "4,16"),
        ({"scales": 2}, "2"),
        ({"levels": "8"}, "8"),
    ],
)
def test_levels_that_do_not_double_are_refused(options, given, tmp_path):
    allowed = "two or more levels that double without a gap, such as 2,4,8 or 8,16"
    with pytest.raises(ConfigError, match=rf"^nested needs {allowed}; .* give {given}\.$"):
        pairgen.degrade(**{**PAINTED, "nested": True, **options, "out": str(tmp_path / "out")})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "nested", "message"),
    [
        (NOISY, False, "has operations under `nested`, which need nested levels: add --nested"),
        ("{levels: [resize_to_target], nested: }", True, "needs operations under `nested`, or no"),
        ("{levels: [resize_to_target], nested: []}", True, "needs operations under `nested`"),
        ("{levels: [resize_to_target], nested: [jpg]}", False, r"did you mean 'jpeg'"),
        (
            "{levels: [resize_to_target], nested: [jpeg]}",
            True,
            "ends at 32 x 32 px, not at 16 x 16: end `nested` with resize_to_target",
        ),
    ],
)
def test_a_wrong_preset_is_one_sentence_and_leaves_nothing(text, nested, message, tmp_path):
    (tmp_path / "own.yaml").write_text(text)
    options = {"degradation": str(tmp_path / "own.yaml"), "nested": nested}
    with pytest.raises(ConfigError, match=message) as caught:
        pairgen.degrade(**{**PAINTED, **options, "out": str(tmp_path / "out")})
    assert "own" in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.ray
def test_bytes_are_equal_for_serial_and_ray(noisy, tmp_path, cluster):
    expected = shas(degrade(tmp_path / "serial", degradation=noisy))
    assert len(expected) == 4
    by_ray = {"degradation": noisy, "executor": "ray", "num_workers": 2}
    assert shas(degrade(tmp_path / "ray", **by_ray)) == expected


@pytest.mark.slow
def test_a_killed_run_continues_to_the_same_bytes(noisy, tmp_path):
    options = {**PAINTED, "num_images": 90, "degradation": noisy}
    expected = shas(degrade(tmp_path / "whole", **options))
    out = tmp_path / "killed"
    process = start(tmp_path / "log", "degrade", "--nested", **options, out=out)
    wait_until(lambda: len(receipts(out)) >= 3)
    kill_group(process)
    assert len(receipts(out)) < 30
    assert shas(degrade(out, **options)) == expected
