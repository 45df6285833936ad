"""`pairgen train latent-lpips`: continuation to the same bytes, both calibrations, wrong sets."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner

import pairgen
from pairgen import plugins
from pairgen.cli import cli
from pairgen.errors import ConfigError
from pairgen.jobs.latent_lpips.distorted import DISTORTIONS
from pairgen.jobs.latent_lpips.labels import hash_below, is_held_out
from pairgen.jobs.latent_lpips.run import LPIPS_FILE, TRIPLETS_FILE, run_latent_lpips
from pairgen.jobs.latent_lpips.triplets import load_measured
from pairgen.jobs.train.run import Trained
from pairgen.networks.lpips_file import load_lpips, read_origin
from pairgen.seeding import Stream, generator_for
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.storage.store import open_store
from pairgen.training.loop.checkpoint import find_checkpoints
from tests.training.conftest import make_pairs

SMALL = {
    "width": 1 / 16,
    "steps": 6,
    "batch_size": 8,
    "warmup_steps": 2,
    "held_out": 0.3,
    "max_shift": 1,
    "num_triplets": 24,
    "calibration_steps": 5,
    "calibration_batch_size": 8,
    "checkpoint_every": 0,
    "log_every": 1,
    "tensorboard": False,
    "lr": 1e-3,
}
LEFT = (LPIPS_FILE, "figures.json")
CALIBRATION = "calibration/00000006"


@pytest.fixture(scope="session")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 pairs of the embedded teacher, whose decoder and encoder are real. Do not change it."""
    return make_pairs("tiny", tmp_path_factory.mktemp("painted") / "set", num_samples=48)


@pytest.fixture
def learn(tmp_path: Path, one_thread: None) -> Callable[..., Trained]:
    """Run the command in this process, one thread."""
    said: list[str] = []

    def run(data: Path, out: str = "run", **options: object) -> Trained:
        given = {**SMALL, "data": str(data), "out": str(tmp_path / out), **options}
        return run_latent_lpips(given, said.append)

    run.said = said  # type: ignore[attr-defined]
    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in LEFT}


def write_bapps(folder: Path, num: int, seed: int = 0) -> Path:
    """Write triplets: of blots of colour a little and a much darker version, judged by people."""
    generator = np.random.default_rng(seed)
    for part in ("ref", "p0", "p1", "judge"):
        (folder / part).mkdir(parents=True)
    for number in range(num):
        blots = generator.integers(60, 256, (4, 4, 3)).astype(np.uint8)
        picture = cv2.resize(blots, (48, 48), interpolation=cv2.INTER_CUBIC)
        near, far = (picture * 0.9).astype(np.uint8), (picture * 0.3).astype(np.uint8)
        second_is_near = number % 2
        versions = (far, near) if second_is_near else (near, far)
        for part, each in zip(("ref", "p0", "p1"), (picture, *versions), strict=True):
            cv2.imwrite(str(folder / part / f"{number:06d}.png"), each)
        share = np.array([0.9 if second_is_near else 0.1], np.float32)
        np.save(folder / "judge" / f"{number:06d}.npy", share, allow_pickle=False)
    return folder


def test_a_run_leaves_a_network_its_figures_and_a_card(pairs, learn):
    run = learn(pairs)
    assert (run.step, run.interrupted) == (11, False)
    figures = json.loads((run.folder / "figures.json").read_text())
    scores = figures["classification"]
    assert (scores["num_classes"], scores["num_samples"]) == (3, 32)
    assert 0 < scores["held_out"] < 32
    assert set(figures["after"]) - {"all"} <= set(DISTORTIONS)
    lpips = load_lpips(str(run.folder / LPIPS_FILE), 4, torch.device("cpu"))
    x0, x1 = torch.randn(2, 2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert (lpips(x0, x1) > 0).all()
    assert all((weight >= 0).all() for weight in lpips.weights)
    origin = read_origin(run.folder / LPIPS_FILE)
    teacher = read_plan(open_store(pairs)).teacher
    decoder = plugins.call(
        "teachers", teacher["module"], "describe_decoder", location=teacher["location"]
    )
    assert json.loads(origin.made_for) == decoder.identity
    card = (run.folder / "README.md").read_text()
    following = f"pairgen train diffusion2gan --data {pairs} --set perceptual="
    assert f"{following}{run.folder / LPIPS_FILE}" in card
    for folder in (run.folder, run.folder / CALIBRATION):
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines] == list(range(1, 1 + len(lines)))


def test_a_student_learns_by_the_network_that_a_run_leaves(pairs, learn, train):
    run = learn(pairs, "network")
    student = train(
        pairs,
        "student",
        method="diffusion2gan",
        perceptual=str(run.folder / LPIPS_FILE),
        distance="latent_lpips",
        gan_weight=0.0,
        steps=1,
    )
    assert student.step == 1


@pytest.mark.parametrize("space", ["latent", "pixel"])
def test_a_run_that_was_killed_anywhere_ends_in_the_same_bytes(painted, learn, space, tmp_path):
    options = {"space": space, "checkpoint_every": 2, "checkpoints_total_limit": 0}
    whole = learn(painted, "whole", **options).folder
    expected = contents(whole)
    for place, kept in (("", 0), ("", 1), (CALIBRATION, 0), (CALIBRATION, 1)):
        killed = tmp_path / f"killed{Path(place).name}{kept}"
        shutil.copytree(whole, killed)
        for name in (*LEFT, "README.md"):
            (killed / name).unlink()
        for checkpoint in find_checkpoints(killed / place / "checkpoints")[kept:]:
            shutil.rmtree(checkpoint)
        if not place:
            shutil.rmtree(killed / "calibration")
        elif kept == 0:
            (killed / CALIBRATION / TRIPLETS_FILE).unlink()
        learn(painted, killed.name, resume=True, **options)
        assert contents(killed) == expected, (place, kept)


def test_a_finished_run_that_gets_more_steps_measures_the_longer_net(painted, learn):
    options = {"lr_schedule": "constant"}
    expected = contents(learn(painted, "whole", **options).folder)
    short = learn(painted, "parts", steps=3, **options).folder
    before = contents(short)
    assert before != expected
    learn(painted, "parts", resume=True, **options)
    assert contents(short) == expected
    # Asked for again, nothing is trained: what lies there is of these steps.
    learn(painted, "parts", resume=True, **options)
    assert contents(short) == expected


def test_a_run_goes_on_in_the_threads_that_it_began_with(pairs, learn):
    torch.set_num_threads(2)
    whole = learn(pairs, "whole").folder
    learn(pairs, "parts", steps=3)
    # On another machine.
    torch.set_num_threads(3)
    parts = learn(pairs, "parts", resume=True).folder
    told = [yaml.safe_load((run / "config.yaml").read_text()) for run in (whole, parts)]
    assert [each["cpu_threads"] for each in told] == [2, 2]
    assert contents(parts) == contents(whole)


def test_a_run_that_was_stopped_early_remembers_its_options(pairs, learn):
    whole = contents(learn(pairs, "whole").folder)
    short = learn(pairs, "parts", steps=3).folder
    again = run_latent_lpips({"data": str(pairs), "out": str(short), "resume": True, "steps": 3})
    assert again.step == 8
    with pytest.raises(ConfigError, match=r"these differ: width .was 0\.0625"):
        learn(pairs, "parts", width=0.125, resume=True)
    with pytest.raises(ConfigError, match="continue it with --resume"):
        learn(pairs, "parts")
    assert contents(short) != whole


def test_the_trained_network_puts_a_stronger_distortion_farther(painted, learn):
    data = painted
    run = learn(data, width=0.125, steps=25, batch_size=16, num_triplets=96, calibration_steps=100)
    lpips = load_lpips(str(run.folder / LPIPS_FILE), 4, torch.device("cpu"))
    latents = torch.cat(
        [
            batch["latent.npy"].float()
            for batch in pairgen.Loader(data, fields=["latent.npy"], batch_size=16)
        ]
    )
    noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(1))
    means = [float(lpips(latents, latents + s * noise).mean()) for s in (0.05, 0.1, 0.2, 0.4, 0.8)]
    assert means == sorted(means)
    assert means[-1] > 2 * means[0]
    # What two samples have nothing to do with each other are 1 apart on average.
    assert float(lpips(latents, latents.roll(1, 0)).mean()) == pytest.approx(1, rel=0.2)
    figures = json.loads((run.folder / "figures.json").read_text())
    assert figures["after"]["all"] > 0.7


def test_judgements_of_people_are_read_by_folder(painted, learn, tmp_path):
    folder = tmp_path / "bapps"
    write_bapps(folder / "2afc/train/dark", 20)
    write_bapps(folder / "2afc/val/dark", 10, seed=1)
    run = learn(painted, calibration=str(folder), calibration_steps=60)
    figures = json.loads((run.folder / "figures.json").read_text())
    assert figures["held_out_triplets"] == 10
    assert set(figures["after"]) == {"all", "dark"}
    # Nine in ten of the judges find the lighter one nearer; no answer agrees with more of them.
    assert 0.8 < figures["after"]["all"] <= 0.9
    again = learn(painted, "other", calibration=str(folder / "2afc/train"))
    assert 0 < json.loads((again.folder / "figures.json").read_text())["held_out_triplets"] < 20


class Unpickled:
    def __reduce__(self):
        return (pytest.fail, ("a judgement was unpickled",))


def test_judgements_that_cannot_be_read_are_one_sentence(pairs, learn, tmp_path):
    folder = write_bapps(tmp_path / "bapps", 12)
    with pytest.raises(ConfigError, match=r"calibration must be a folder that contains ref/, p0/"):
        learn(pairs, calibration=str(tmp_path / "none"))
    picture = folder / "p1/000003.png"
    content = picture.read_bytes()
    picture.unlink()
    with pytest.raises(ConfigError, match=r"calibration lacks .*p1/000003\.png, which"):
        learn(pairs, calibration=str(folder))
    for wrong in (b"", b"no picture", content[:20]):
        picture.write_bytes(wrong)
        with pytest.raises(ConfigError, match=r"000003\.png is not a readable image"):
            learn(pairs, calibration=str(folder))
    picture.write_bytes(content)
    for wrong in (np.array([1.5]), np.array([0.2, 0.3]), np.array([Unpickled()], object)):
        np.save(folder / "judge/000005.npy", wrong, allow_pickle=True)
        with pytest.raises(ConfigError, match=r"000005\.npy must hold one number in \[0, 1\]"):
            learn(pairs, calibration=str(folder))
    # All of these before anything is written.
    assert not (tmp_path / "run").exists()


def test_classes_are_those_of_the_teacher_where_it_has_some(pixel_folder, learn, tmp_path):
    config = tmp_path / "pixels.yaml"
    config.write_text(
        f"teacher: pixel_unet\nlocation: {pixel_folder}\noptions: {{null_label: 3}}\n"
        "dtype: float32\nbatch_size: 8\nsamples_per_shard: 8\n"
    )
    # The first class by its name and by its number: one class, two prompts.
    prompts = tmp_path / "labels.txt"
    prompts.write_text("a red heart\n0\na cat\n", encoding="utf-8")
    data = tmp_path / "labelled"
    pairgen.ode(
        model=str(config),
        prompts=str(prompts),
        out=str(data),
        executor="serial",
        steps=2,
        num_samples=24,
        samples_per_shard=8,
        batch_size=8,
        dtype="float32",
    )
    run = learn(data, batch_size=4)
    assert (
        json.loads((run.folder / "figures.json").read_text())["classification"]["num_classes"] == 2
    )


def test_sets_and_options_that_do_not_fit_are_one_sentence(
    pairs, pixel_folder, sd15_folder, learn, tmp_path
):
    photographs = tmp_path / "photographs"
    pairgen.degrade(out=str(photographs), crop=64, executor="serial")
    with pytest.raises(ConfigError, match=r"trains on latents .latent.npy., but .*photographs"):
        learn(photographs, model=str(sd15_folder))
    with pytest.raises(ConfigError, match=r"two classes or more .* got 1 distinct label in"):
        learn(pairs, where="prompt == 'a cat'")
    with pytest.raises(ConfigError, match=r"no option 'widht' \(did you mean 'width'\?\)"):
        learn(pairs, widht=0.5)
    with pytest.raises(ConfigError, match="space must be one of latent, pixel, got 'sound'"):
        learn(pairs, space="sound")
    with pytest.raises(ConfigError, match=r"width must be a multiple of 1/64 .* got 0\.3"):
        learn(pairs, width=0.3)
    with pytest.raises(ConfigError, match="no option 'lora_rank': it trains one network"):
        learn(pairs, lora_rank=4)
    with pytest.raises(ConfigError, match="no option 'ema_decay'"):
        learn(pairs, ema_decay=0.9)
    with pytest.raises(ConfigError, match=r"pixels must be at least 32 high .* got 16 x 16"):
        learn(pairs, space="pixel")
    with pytest.raises(
        ConfigError, match=r"latents of the data must be .4, 16, 16., as those of t"
    ):
        learn(pairs, model="tiny")
    assert not (tmp_path / "run").exists()


def test_what_only_the_training_would_find_is_refused_before_anything_is_written(
    pairs, learn, tmp_path, monkeypatch
):
    with pytest.raises(
        ConfigError, match=r"batch of a step must be at most the 32 samples .* got 33"
    ):
        learn(pairs, batch_size=33)
    with pytest.raises(ConfigError, match="'critic' in the players; known are classifier"):
        learn(pairs, **{"critic.lr": 0.1})
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    with pytest.raises(ConfigError, match="adamw8bit needs bitsandbytes"):
        learn(pairs, optimizer="adamw8bit")
    assert not (tmp_path / "run").exists()


def test_samples_and_triplets_must_be_held_out_and_left(pairs, learn, tmp_path):
    with pytest.raises(ConfigError, match=r"held_out must leave .* 0\.001, .* leaves 32 and 0\."):
        learn(pairs, held_out=0.001)
    # The smallest share that holds out a sample: none of the few that triplets are made of.
    shares = (number / 1000 for number in range(1, 500))
    share = next(each for each in shares if is_held_out([0] * 32, list(range(32)), each).any())
    with pytest.raises(ConfigError, match=r"num_triplets and held_out must leave .* got 8 and 0\."):
        learn(pairs, held_out=share, num_triplets=8)
    assert not (tmp_path / "run").exists()
    # All samples are in triplets, and in the score, though 5 do not divide them.
    run = learn(pairs, held_out=share, num_triplets=32, batch_size=5)
    figures = json.loads((run.folder / "figures.json").read_text())
    num = sum(hash_below(f"0:{pair}", share) for pair in range(32))
    assert figures["classification"]["held_out"] == figures["held_out_triplets"] == num


def test_a_triplet_that_is_left_alone_moves_towards_another_latent(pairs, learn):
    last = list(DISTORTIONS).index("latent move")
    seed = next(
        each
        for each in range(100)
        if generator_for(each, 16, Stream.DEGRADATION).integers(len(DISTORTIONS)) == last
    )
    run = learn(pairs, num_triplets=17, seed=seed, held_out=0.5)
    measured = load_measured(run.folder / CALIBRATION / TRIPLETS_FILE)
    assert len(measured.first) == 17
    assert measured.kind_names[measured.kinds[16]] == "latent move"
    assert float(measured.first[16].sum()) > 0
    assert float(measured.second[16].sum()) > 0


def test_the_command_trains_it_and_says_what_to_do_with_it(pairs, tmp_path, one_thread):
    out = tmp_path / "run"
    own = [f"--set={name}={value}" for name, value in SMALL.items()]
    arguments = ["train", "latent-lpips", "--data", str(pairs), "--out", str(out), *own]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    assert "11 steps: " in result.output
    following = f"Next: pairgen train diffusion2gan --data {pairs} --set perceptual="
    assert f"{following}{out}/{LPIPS_FILE}" in result.output
    assert "32 samples of 3 classes" in result.output
    refused = CliRunner().invoke(cli, [*arguments, "--lora-rank", "2"])
    assert isinstance(refused.exception, ConfigError)
    assert "latent-lpips has no option 'lora_rank'" in str(refused.exception)


def test_the_python_call_trains_it_too(pairs, tmp_path, one_thread):
    run = pairgen.train("latent-lpips", data=str(pairs), out=str(tmp_path / "run"), **SMALL)
    assert (run.folder / LPIPS_FILE).is_file()
