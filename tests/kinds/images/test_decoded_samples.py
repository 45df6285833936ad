"""`pairgen degrade --from-ode`: a teacher's samples are images, whatever the shards they lie in."""

import io
import json
import shutil
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import pairgen
from pairgen import plugins
from pairgen.errors import ConfigError, PlanMismatchError, TeacherLoadError
from pairgen.jobs.replay.run import run_replay
from pairgen.kinds.decode import decode_pictures
from pairgen.kinds.images.decoded_samples import LatentPictures, open_decoded_samples
from pairgen.kinds.ode.maker import build_teacher
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.sources.photographs import UnusableImageError, decode_rgb
from tests.runs import samples, shas
from tests.small_sets import flip_byte

ODE = {"steps": 4, "num_samples": 10, "samples_per_shard": 4, "executor": "serial"}
OPTIONS = {"crop": 16, "scales": "4", "degradation": "bicubic", "executor": "serial", "seed": 1}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pairs of the closed-form teacher, whose pictures have 16 px."""
    out = tmp_path_factory.mktemp("ode") / "pairs"
    assert pairgen.ode(model="gaussian", out=str(out), **ODE).complete
    return out


def degrade(pairs: Path, out: Path, **options: object) -> Path:
    assert pairgen.degrade(from_ode=str(pairs), out=str(out), **(OPTIONS | options)).complete
    return out


@pytest.mark.parametrize(("model", "crop"), [("gaussian", 16), ("tiny", 64)])
def test_hr_is_the_decoded_latent_and_the_caption_its_prompt(model, crop, tmp_path):
    pairs = tmp_path / "pairs"
    pairgen.ode(model=model, out=str(pairs), **(ODE | {"num_samples": 3, "samples_per_shard": 2}))
    out = degrade(pairs, tmp_path / "out", crop=crop)
    teacher = build_teacher(read_plan(open_store(pairs)), torch.device("cpu"))
    stored, made = samples(pairs), samples(out)
    assert len(made) == len(stored) == 3
    latents = [np.load(io.BytesIO(sample["latent.npy"])) for sample in stored]
    for index, picture in enumerate(decode_pictures(teacher, latents)):
        facts = json.loads(made[index]["json"])
        np.testing.assert_array_equal(decode_rgb(made[index]["png"]), picture)
        assert made[index]["txt"] == stored[index]["txt"]
        assert facts["image"] == f"train/{index // 2:05d}.tar/{index:09d}.latent.npy"
        assert facts["image_crc32"] == zlib.crc32(stored[index]["latent.npy"])
    report = pairgen.verify(out)
    assert report.clean, report.table()
    assert run_replay(out, "2").differences == ()


def test_bytes_depend_on_no_shard_border_and_a_moved_set_is_the_same(pairs, tmp_path):
    expected = shas(degrade(pairs, tmp_path / "whole", samples_per_image=2))
    split = degrade(pairs, tmp_path / "split", samples_per_image=2, samples_per_shard=3)
    assert samples(split) == samples(tmp_path / "whole")
    moved = tmp_path / "moved"
    shutil.copytree(pairs, moved)
    assert shas(degrade(moved, tmp_path / "again", samples_per_image=2)) == expected


def test_a_folder_continues_without_naming_the_set_again(pairs, tmp_path):
    out = degrade(pairs, tmp_path / "out", samples_per_shard=4)
    expected = shas(out)
    for path in (out / "train/00001.tar", out / "__meta__/shards/00001.json"):
        path.unlink()
    assert pairgen.degrade(out=str(out), executor="serial").complete
    assert shas(out) == expected
    flip_byte(out / "train/00002.tar", 700)
    assert not pairgen.verify(out).clean
    assert pairgen.repair(out, executor="serial").complete
    assert shas(out) == expected


def test_another_set_or_photographs_are_another_dataset(pairs, tmp_path):
    out = degrade(pairs, tmp_path / "out")
    other = tmp_path / "other"
    pairgen.ode(model="gaussian", out=str(other), **(ODE | {"seed": 1}))
    with pytest.raises(PlanMismatchError, match=r"teacher.identity.ode_fingerprint"):
        pairgen.degrade(from_ode=str(other), out=str(out), **OPTIONS)
    with pytest.raises(PlanMismatchError, match=r"model .was gaussian, got none"):
        pairgen.degrade(images=str(out), out=str(out), **OPTIONS)
    photographs = tmp_path / "photographs"
    pairgen.degrade(out=str(photographs), **OPTIONS)
    with pytest.raises(PlanMismatchError, match=r"model .was none, got gaussian"):
        pairgen.degrade(from_ode=str(pairs), out=str(photographs), **OPTIONS)


def test_a_sample_whose_latent_changed_fails_alone(pairs, tmp_path):
    source = tmp_path / "pairs"
    shutil.copytree(pairs, source)
    out = degrade(source, tmp_path / "out")
    expected = samples(out)
    data = bytearray((source / "train/00000.tar").read_bytes())
    data[data.index(b"\x93NUMPY")] ^= 1
    (source / "train/00000.tar").write_bytes(data)
    for path in (*out.glob("train/*"), *out.glob("__meta__/shards/*")):
        path.unlink()
    (receipt,) = pairgen.degrade(out=str(out), executor="serial").receipts
    assert [slot.index for slot in receipt.failed] == [0]
    assert receipt.failed[0].reason == "cannot be decoded: not a .npy file"
    assert samples(out) == expected[1:]


def test_what_is_no_finished_ode_set_is_one_sentence_and_nothing_is_written(pairs, tmp_path):
    broken, unfinished = tmp_path / "broken", tmp_path / "unfinished"
    for folder in (broken, unfinished):
        shutil.copytree(pairs, folder)
    flip_byte(broken / "train/00001.tar", 5000)
    (unfinished / "__meta__/shards/00002.json").unlink()
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    for options, message in (
        ({"from_ode": str(broken)}, r"train/00001.tar of .* cannot be used: .*pairgen repair"),
        ({"from_ode": str(unfinished)}, r"has 2 of 3 shards: finish it with `pairgen ode"),
        ({"from_ode": str(tmp_path / "empty")}, "is not a dataset folder"),
        ({"from_ode": "memory://pairs"}, "from_ode must be a local folder"),
        ({"from_ode": str(pairs), "crop": 32}, "crop must be at most 16, .* gaussian .*, got 32"),
        ({"from_ode": str(pairs), "images": "x"}, "Give images or from_ode, not both"),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            pairgen.degrade(out=str(out), **(OPTIONS | options))
        assert "\n" not in str(caught.value)
        assert not out.exists()
    degraded = degrade(pairs, tmp_path / "degraded")
    with pytest.raises(
        ConfigError, match=r"must be a dataset of kind 'ode', .* is of kind 'degrade'"
    ):
        pairgen.degrade(from_ode=str(degraded), out=str(out), **OPTIONS)


def test_the_decoder_is_part_of_the_identity(tmp_path):
    model = tmp_path / "model"
    shutil.copytree(Path(pairgen.__file__).parent / "assets/tiny", model)
    pairs = tmp_path / "pairs"
    options = {**ODE, "num_samples": 2, "steps": 1, "batch_size": 2}
    pairgen.ode(model=str(model), out=str(pairs), **options)
    out = degrade(pairs, tmp_path / "out", crop=64)
    planned = read_plan(open_store(pairs)).teacher["identity"]
    config = model / "vae/config.json"
    config.write_text(config.read_text().replace('"scaling_factor": ', '"scaling_factor": 1'))
    # The ODE set does not know its decoder; what is made from its pictures does.
    described = plugins.call("teachers", "latent_diffusion", "describe", location=str(model))
    assert described.identity == planned
    with pytest.raises(TeacherLoadError, match="does not match the plan"):
        LatentPictures(read_plan(open_store(out)))
    with pytest.raises(PlanMismatchError, match=r"teacher.identity.decoder.vae_sha256"):
        pairgen.degrade(from_ode=str(pairs), out=str(out), **(OPTIONS | {"crop": 64}))


def test_a_picture_that_is_not_finite_has_its_reason(pairs):
    plan = read_plan(open_store(pairs))
    decoded = open_decoded_samples(str(pairs))
    pictures = LatentPictures(replace(plan, teacher=decoded.teacher))
    buffer = io.BytesIO()
    np.save(buffer, np.full((1, 16, 16), np.nan, np.float16))
    with pytest.raises(UnusableImageError, match="not finite"):
        pictures.decode(buffer.getvalue())


@pytest.mark.slow
@pytest.mark.ray
def test_bytes_are_equal_for_serial_and_ray_with_a_real_decoder(tmp_path, cluster):
    pairs = tmp_path / "pairs"
    pairgen.ode(model="tiny", out=str(pairs), **(ODE | {"num_samples": 8}))
    options = {"crop": 64, "samples_per_shard": 2}
    expected = shas(degrade(pairs, tmp_path / "serial", **options))
    assert len(expected) == 8
    out = degrade(pairs, tmp_path / "ray", **options, executor="ray", num_workers=2)
    assert shas(out) == expected
