"""`pairgen train` as a whole: exact continuation, any micro-batches, wrong sets, what it leaves."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file
from torch import nn

import pairgen
from pairgen.errors import ConfigError, CorruptShardError, PairgenError
from pairgen.seeding import noise_for
from pairgen.training.loop.checkpoint import find_checkpoints
from pairgen.training.loop.recomputation import enable_gradient_checkpointing
from tests.training.conftest import OPTIONS, make_pairs

TWO_PLAYERS = "tests.training.two_players"


def tensors(run: Path) -> dict[str, torch.Tensor]:
    """Return every tensor of a run's last checkpoint."""
    last = find_checkpoints(run / "checkpoints")[-1]
    return {
        f"{path.name}:{name}": tensor
        for path in sorted(last.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def assert_equal(found: dict, expected: dict) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def assert_same_gradients(found: dict, expected: dict, tolerance: float) -> None:
    """Compare AdamW's running means of the gradients, relative to the largest of a tensor.

    Where gradients cancel, what is left is rounding, which differs from machine to machine. Not the
    weights: AdamW moves a weight whose gradient is rounding noise as far as any other.
    """
    names = [name for name in expected if name.endswith("/exp_avg")]
    assert names
    for name in names:
        largest = expected[name].abs().max().clamp(min=1e-3)
        assert (found[name] - expected[name]).abs().max() <= tolerance * largest, name


def config_of(run: Path) -> dict:
    return yaml.safe_load((run / "config.yaml").read_text())


def metrics(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("method", ["regression", TWO_PLAYERS])
def test_a_run_that_stopped_twice_ends_in_the_same_bits(pairs, train, method):
    options = {"method": method, "ema_decay": 0.9, "batch_size": 12}
    whole = train(pairs, "whole", steps=7, **options).folder
    for steps in (2, 5, 7):
        ended = train(pairs, "parts", steps=steps, resume=True, **options)
    assert (ended.step, ended.interrupted) == (7, False)
    assert_equal(tensors(ended.folder), tensors(whole))
    lines = [
        {k: v for k, v in line.items() if "per_second" not in k and "wait" not in k}
        for run in (whole, ended.folder)
        for line in metrics(run)
    ]
    assert lines[:7] == lines[7:]
    assert [line["step"] for line in lines[:7]] == list(range(1, 8))


@pytest.mark.parametrize("asked", [{"cpu_threads": 1}, {"cpu_threads": 2}, {}])
def test_a_run_goes_on_in_the_threads_that_it_began_with(pairs, train, asked):
    """It begins with the teacher's pictures, which are made in the one thread of the pairs."""
    options = {"method": TWO_PLAYERS, "num_grid_prompts": 1, **asked}
    num = asked.get("cpu_threads", 2)
    # Each is a process of its own, where torch chooses two; the last is on another machine.
    torch.set_num_threads(2)
    whole = train(pairs, "whole", steps=4, **options).folder
    torch.set_num_threads(2)
    train(pairs, "parts", steps=2, **options)
    torch.set_num_threads(3)
    parts = train(pairs, "parts", steps=4, resume=True, **options).folder
    for run in (whole, parts):
        assert [line["critic/threads"] for line in metrics(run)] == [num] * 4
        assert config_of(run)["cpu_threads"] == num
    assert_equal(tensors(parts), tensors(whole))


def test_a_run_that_goes_on_in_other_threads_says_so(pairs, train):
    options = {"method": TWO_PLAYERS, "resume": True}
    folder = train(pairs, steps=1, cpu_threads=1, **options).folder
    train(pairs, steps=2, **options)
    assert "thread" not in " ".join(train.said)
    train(pairs, steps=3, cpu_threads=2, **options)
    (changed,) = (said for said in train.said if "thread" in said)
    assert changed.startswith("From now on cpu_threads 2 (before: 1): the bits may differ from")
    # Here torch chooses one.
    train(pairs, steps=4, **options)
    *_, more = (said for said in train.said if "thread" in said)
    assert more.startswith("Continuing in 2 threads, as the run began; torch would use 1 here: ")
    # An earlier version did not write down what it took, nor a hash of what it wrote.
    told = (folder / "config.yaml").read_text().partition("# own_sha256")[0]
    (folder / "config.yaml").write_text(told.replace("cpu_threads: 2", "cpu_threads: 0"))
    del train.said[:]
    train(pairs, steps=5, **options)
    assert "thread" not in " ".join(train.said)
    assert [line["critic/threads"] for line in metrics(folder)] == [1, 1, 2, 2, 1]
    assert config_of(folder)["cpu_threads"] == 1


def test_a_run_without_a_name_remembers_its_threads_too(pairs, tmp_path, monkeypatch, one_thread):
    monkeypatch.chdir(tmp_path)
    options = {**OPTIONS, "method": TWO_PLAYERS, "data": str(pairs), "cpu_threads": 2}
    folder = pairgen.train(**{**options, "steps": 1}).folder
    del options["cpu_threads"]
    assert pairgen.train(**{**options, "steps": 2, "resume": True}).folder == folder
    assert [line["critic/threads"] for line in metrics(folder)] == [2, 2]


def test_a_run_killed_after_a_checkpoint_repeats_what_came_after_it(pairs, train):
    whole = train(pairs, "whole", steps=6, checkpoint_every=2, checkpoints_total_limit=0)
    copied = whole.folder.with_name("copied")
    shutil.copytree(whole.folder, copied)
    for checkpoint in find_checkpoints(copied / "checkpoints")[1:]:
        shutil.rmtree(checkpoint)
    # Half a checkpoint and half a line, as a kill leaves them.
    (copied / "checkpoints/.00000004.1.partial").mkdir()
    with (copied / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "stu')
    train(pairs, "copied", steps=6, checkpoint_every=2, checkpoints_total_limit=0, resume=True)
    assert_equal(tensors(copied), tensors(whole.folder))
    assert [line["step"] for line in metrics(copied)] == [1, 2, 3, 4, 5, 6]
    assert not list(copied.glob("checkpoints/.*"))


def test_a_continued_run_remembers_its_options(pairs, train):
    first = train(pairs, steps=3, batch_size=4, weight_decay=0.5)
    given = {"method": "regression", "data": str(pairs), "out": str(first.folder), "resume": True}
    assert pairgen.train(**given).step == 3
    again = pairgen.train(**given, steps=4, log_every=2)
    assert again.step == 4
    assert [line["step"] for line in metrics(first.folder)] == [1, 2, 3, 4]
    del given["data"]
    assert pairgen.train(**given, steps=5).step == 5
    with pytest.raises(ConfigError, match=r"these differ: batch_size .was 4, got 16"):
        pairgen.train(**given, batch_size=16)


def test_two_players_take_their_turns(pairs, train):
    run = train(pairs, method=TWO_PLAYERS, steps=4).folder
    lines = metrics(run)
    assert all({"student/loss", "critic/loss"} <= line.keys() for line in lines)
    found = tensors(run)
    counts = {name: int(each) for name, each in found.items() if name.endswith("/step")}
    # A step is one update of the student.
    assert {num: name.split(".")[0] for name, num in sorted(counts.items())} == {
        4: "student",
        8: "critic",
    }
    state = json.loads((run / "checkpoints/00000004/state.json").read_text())
    # Four batches are an epoch of the 32 pairs, and each step read two.
    assert (state["loader"]["epoch"], state["loader"]["step"]) == (2, 0)


def test_micro_batches_give_the_gradient_of_the_whole(pairs, train):
    options = {"method": TWO_PLAYERS, "steps": 3, "clip": 0.0}
    whole = tensors(train(pairs, "whole", **options).folder)
    parts = tensors(train(pairs, "parts", accumulate=4, **options).folder)
    # 9.3e-5 was measured on one processor, below 1e-5 on another.
    assert_same_gradients(parts, whole, 2e-4)


def test_training_brings_the_student_nearer(pairs, train):
    lines = metrics(train(pairs, steps=40, lr=2e-3, batch_size=16, distance="mse").folder)
    first = np.mean([line["student/mse"] for line in lines[:4]])
    last = np.mean([line["student/mse"] for line in lines[-4:]])
    assert last < 0.7 * first


@pytest.mark.parametrize("distance", ["mse", "pseudo_huber", "perceptual"])
def test_every_distance_trains(pairs, train, distance):
    lines = metrics(train(pairs, steps=2, distance=distance).folder)
    assert all(math.isfinite(line["student/loss"]) for line in lines)


@pytest.mark.parametrize("precision", ["bfloat16", "float32"])
def test_the_last_layer_and_the_head_stay_in_float32(pairs, train, precision):
    full = metrics(train(pairs, "full", steps=1).folder)[0]["student/mse"]
    found = metrics(train(pairs, "other", steps=1, precision=precision).folder)[0]["student/mse"]
    assert found == pytest.approx(full, rel=0.05)


def test_activations_may_be_computed_twice(pairs, train):
    kept = metrics(train(pairs, "kept", steps=2).folder)
    again = metrics(train(pairs, "again", steps=2, gradient_checkpointing=True).folder)
    for name in ("student/loss", "student/grad_norm"):
        assert [line[name] for line in again] == pytest.approx([line[name] for line in kept])


def test_every_network_of_every_player_may_compute_its_activations_twice(pairs, train, monkeypatch):
    options = {"method": "tests.training.two_networks", "steps": 4}
    kept = tensors(train(pairs, "kept", **options).folder)
    asked = []
    checkpoint = torch.utils.checkpoint.checkpoint
    monkeypatch.setattr(
        torch.utils.checkpoint,
        "checkpoint",
        lambda function, *args, **named: (
            asked.append(function) or checkpoint(function, *args, **named)
        ),
    )
    again = tensors(train(pairs, "again", **options, gradient_checkpointing=True).folder)
    assert asked
    assert_same_gradients(again, kept, 1e-5)


def test_a_network_is_found_wherever_it_lies_in_a_player(sd15_folder):
    network = UNet2DConditionModel.from_pretrained(sd15_folder / "unet")
    plain = nn.Sequential(nn.Conv2d(4, 4, 1))
    enable_gradient_checkpointing([nn.ModuleList([nn.Sequential(network), plain])])
    assert network.is_gradient_checkpointing
    with pytest.raises(ConfigError, match="no network of this method supports it"):
        enable_gradient_checkpointing([plain, plain])


def test_noise_that_is_stored_as_a_seed_trains_the_same(sd15_folder, pairs, train, tmp_path):
    seeds = make_pairs(sd15_folder, tmp_path / "seeds", noise="seed")
    stored = metrics(train(pairs, "stored", steps=2).folder)
    drawn = metrics(train(seeds, "drawn", steps=2).folder)
    assert [line["student/loss"] for line in drawn] == [line["student/loss"] for line in stored]


def test_a_finished_run_is_a_pipeline_a_model_and_a_card(pairs, train, tmp_path):
    run = train(pairs, steps=3, ema_decay=0.9, grid_every=3, num_grid_prompts=2).folder
    pipeline = StableDiffusionPipeline.from_pretrained(
        run / "student", safety_checker=None, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    noise = torch.from_numpy(noise_for(9, 0, (4, 8, 8), "float16")).float()[None]
    latent = pipeline(
        "a cat", num_inference_steps=1, guidance_scale=1, latents=noise, output_type="latent"
    ).images
    prompts = tmp_path / "cat.txt"
    prompts.write_text("a cat\n")
    # The run's folder is a model: one step, no guidance, unless told otherwise.
    manifest = pairgen.ode(
        model=str(run), prompts=str(prompts), out=str(tmp_path / "made"), seed=9, executor="serial"
    )
    assert manifest.plan.recipe["steps"] == 1
    stored = next(iter(pairgen.Loader(tmp_path / "made", fields=["latent.npy"], batch_size=1)))
    torch.testing.assert_close(stored["latent.npy"].float(), latent.float(), rtol=1e-3, atol=1e-3)
    card = (run / "README.md").read_text()
    assert manifest.plan.fingerprint() not in card
    assert str(pairs) in card
    assert "StableDiffusionPipeline.from_pretrained" in card
    assert "from which the weights come, has a license not known here" in card
    assert (run / "grids/00000003.png").stat().st_size > 100
    # Real guidance on top of what is in its weights would be another map.
    with pytest.raises(
        ConfigError, match=r"run is a student with guidance 3 built into .*, got 5\."
    ):
        pairgen.sample(model=str(run), prompts="a cat", cfg=5, out=str(tmp_path / "cat.png"))
    modes = {oct(path.stat().st_mode & 0o777) for path in run.rglob("*") if path.is_file()}
    assert modes == {oct(prompts.stat().st_mode & 0o777)}


def test_the_card_names_the_license_that_the_model_file_states(sd15_folder, pairs, train, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(
        f"teacher: latent_diffusion\nlocation: {sd15_folder}\nlicense: mit\n"
        "dtype: float32\nbatch_size: 2\nsamples_per_shard: 4\n"
    )
    run = train(pairs, steps=1, model=str(own)).folder
    assert "from which the weights come, has the license mit" in (run / "README.md").read_text()


def test_adapters_train_alone_and_load_through_diffusers(sd15_folder, pairs, train):
    run = train(pairs, steps=3, lora_rank=2).folder
    trained = load_file(find_checkpoints(run / "checkpoints")[-1] / "student.safetensors")
    assert all("lora" in name for name in trained)
    noise = torch.from_numpy(noise_for(9, 0, (4, 8, 8), "float16")).float()[None]
    latents = []
    for folder, lora in ((run / "student", None), (sd15_folder, run / "lora"), (sd15_folder, None)):
        pipeline = StableDiffusionPipeline.from_pretrained(
            folder, safety_checker=None, local_files_only=True
        )
        pipeline.set_progress_bar_config(disable=True)
        if lora:
            pipeline.load_lora_weights(lora)
        with torch.no_grad():
            embedding = pipeline.encode_prompt("a cat", "cpu", 1, False)[0]
            latents.append(pipeline.unet(noise, 999, embedding).sample)
    torch.testing.assert_close(latents[0], latents[1], rtol=1e-3, atol=1e-4)
    assert (latents[1] - latents[2]).abs().max() > 1e-3


def test_several_scales_need_an_embedding_or_a_choice(pairs_of_two_scales, train, tmp_path):
    with pytest.raises(ConfigError, match="guidance"):
        train(pairs_of_two_scales)
    train(pairs_of_two_scales, "chosen", where="guidance_scale == 8", steps=1)
    run = train(pairs_of_two_scales, "told", guidance_embedding=True, steps=2).folder
    config = json.loads((run / "student/unet/config.json").read_text())
    assert config["time_cond_proj_dim"] == 256
    # Sampling at a scale is one evaluation that is told it, as diffusers' own pipeline does.
    pipeline = StableDiffusionPipeline.from_pretrained(
        run / "student", safety_checker=None, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    prompts = tmp_path / "cat.txt"
    prompts.write_text("a cat\n")
    made = []
    for scale in (2, 8):
        out = tmp_path / f"made{scale}"
        pairgen.ode(
            model=str(run), prompts=str(prompts), out=str(out), cfg=scale, seed=9, executor="serial"
        )
        batch = next(iter(pairgen.Loader(out, fields=["latent.npy", "noise.npy"], batch_size=1)))
        latent = pipeline(
            "a cat",
            num_inference_steps=1,
            guidance_scale=scale,
            latents=batch["noise.npy"].float(),
            output_type="latent",
        ).images
        torch.testing.assert_close(batch["latent.npy"].float(), latent, rtol=1e-3, atol=1e-3)
        made.append(latent)
    assert (made[0] - made[1]).abs().max() > 1e-3
    usual = pairgen.sample(model=str(run), prompts="a cat", out=str(tmp_path / "cat.png"))
    assert usual.guidance_scales == (8.0,)
    with pytest.raises(ConfigError, match=r"cfg must be in \[2, 8\]: .* guidance 2, 8, got 12\."):
        pairgen.sample(model=str(run), prompts="a cat", cfg=12, out=str(tmp_path / "cat.png"))


def test_a_student_starts_where_its_teacher_did(sd15_folder, train, tmp_path):
    """A leading grid begins at another time than the noisiest."""
    data = make_pairs(sd15_folder, tmp_path / "leading", spacing="leading", num_samples=8)
    run = train(data, steps=1, grid_every=1).folder
    prompts = tmp_path / "cat.txt"
    prompts.write_text("a cat\n")
    made = pairgen.ode(
        model=str(run), prompts=str(prompts), out=str(tmp_path / "made"), executor="serial"
    )
    # Three leading steps of 1,000 times begin at 2 * 333 + 1.
    assert list(made.plan.resolved["times"]) == [667.0]


def test_pixels_train_the_same_way(pixel_folder, train, tmp_path):
    config = tmp_path / "pixels.yaml"
    config.write_text(
        f"teacher: pixel_unet\nlocation: {pixel_folder}\noptions: {{null_label: 3}}\n"
        "dtype: float32\nbatch_size: 8\nsamples_per_shard: 8\n"
    )
    data = make_pairs(config, tmp_path / "pixels", num_samples=16)
    run = train(data, steps=2).folder
    made = pairgen.sample(model=str(run), prompts="a cat", out=str(tmp_path / "cat.png"))
    assert made.pictures.shape[0] == 1


def test_sets_that_do_not_fit_are_one_sentence(pairs, sd15_folder, train, tmp_path):
    photographs = tmp_path / "photographs"
    pairgen.degrade(out=str(photographs), crop=64, executor="serial")
    with pytest.raises(ConfigError, match=r"regression learns from .noise, latent. pairs"):
        train(photographs, model=str(sd15_folder))
    with pytest.raises(ConfigError, match=r"student_time must be .* 999, got 981"):
        train(pairs, student_time=981)
    with pytest.raises(
        ConfigError, match=r"the dataset .*photographs, of kind 'degrade', has no teacher"
    ):
        train(photographs)
    with pytest.raises(ConfigError, match=r"no option .distanse. .did you mean .distance."):
        train(pairs, distanse="mse")
    with pytest.raises(
        ConfigError, match=r"'stepz' \(did you mean 'steps'\?\); known are (?!setup)"
    ):
        train(pairs, stepz=2)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot be a folder: .* is a file"):
        train(pairs, "file")
    with pytest.raises(ConfigError, match="out must be a local folder"):
        pairgen.train("regression", data=str(pairs), out="s3://bucket/run")
    with pytest.raises(ConfigError, match="batch_size must be a multiple of 3"):
        train(pairs, accumulate=3)
    with pytest.raises(ConfigError, match="the players"):
        train(pairs, players={"critic": {"lr": 0.1}})
    assert not (tmp_path / "run").exists()
    train(pairs, steps=1)
    with pytest.raises(ConfigError, match="continue it with --resume"):
        train(pairs, steps=2)
    with pytest.raises(ConfigError, match=r"these differ: lr .was 0.001, got 0.5"):
        train(pairs, steps=2, lr=0.5, resume=True)


def test_a_run_that_cannot_be_continued_says_why(pairs, train):
    folder = train(pairs, steps=2, checkpoint_every=1, resume=True).folder
    assert f"No checkpoint in {folder}: starting at step 0." in train.said
    with pytest.raises(ConfigError, match=r"steps must be at least the 2 that .* has done, got 1"):
        train(pairs, steps=1, resume=True)
    first, last = find_checkpoints(folder / "checkpoints")
    (last / "student.safetensors").write_bytes(b"half")
    with pytest.raises(ConfigError, match="00000002, and --resume continues from 00000001"):
        train(pairs, steps=3, resume=True)
    shutil.rmtree(last)
    (first / "state.json").write_text("[]")
    with pytest.raises(ConfigError, match="no earlier one: start again with another --out"):
        train(pairs, steps=3, resume=True)
    shutil.rmtree(first)
    with pytest.raises(ConfigError, match="a finished student and no checkpoint to continue from"):
        train(pairs, steps=3, resume=True)


def test_a_shard_of_another_hash_stops_the_run_with_its_name(pairs, train, tmp_path):
    bad = tmp_path / "bad"
    shutil.copytree(pairs, bad)
    path = bad / "train/00002.tar"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptShardError, match="00002"):
        train(bad, steps=8)
    assert train(bad, "skipping", steps=8, skip_bad=True).step == 8


def test_a_loss_that_is_not_finite_stops_with_step_and_keys(pairs, train):
    with pytest.raises(PairgenError, match=r"not finite at step \d+, whose batch holds 0000000"):
        train(
            pairs,
            steps=30,
            lr=10.0,
            warmup_steps=0,
            clip=0.0,
            players={"student": {"lr": 9.9}},
            method=TWO_PLAYERS,
            weight=float("1e38"),
        )
    failed = json.loads(next(Path(train.folder).glob("failed_step.json")).read_text())
    assert len(failed["keys"]) == 8
