"""`pairgen train yonos --chain`: stages one after the other, continued inside any of them."""

import json
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import pairgen
from pairgen.errors import ConfigError
from pairgen.jobs.train.chain import is_chain, run_chain
from pairgen.model_files import FILES
from pairgen.training.runs.finished_run import hash_run
from pairgen.training.runs.record import read_record
from tests.training import forked
from tests.training.conftest import OPTIONS
from tests.training.test_ranks import run, steps_logged
from tests.training.test_train import assert_equal, assert_same_gradients, tensors

STAGES = ("x2", "x4", "decoder-x4")


@pytest.fixture
def chain(levels, sd15_folder, pixel_net, tmp_path, one_thread):
    """Run a chain of two factors and the decoder, two steps each."""

    def chain(out: str = "chain", **changes: Any):
        given = {
            **OPTIONS,
            "method": "yonos",
            "data": str(levels),
            "model": str(sd15_folder),
            "out": str(tmp_path / out),
            "chain": "2,4",
            "steps": 2,
            "decoder.perceptual": str(pixel_net),
        }
        chain.said = []
        given |= changes
        given = {name: value for name, value in given.items() if value is not None}
        return run_chain(given, chain.said.append)

    chain.folder = tmp_path / "chain"
    return chain


def config_of(folder: Path) -> dict[str, Any]:
    return pairgen.config.read_yaml(folder / "config.yaml")


def test_each_stage_is_a_run_taught_by_the_one_before(chain):
    done = chain(**{"x4.lr": 3e-5, "decoder.steps": 1, "omega": "truncated"})
    folder = chain.folder
    assert (done.folder, done.step) == (folder / "decoder-x4", 1)
    assert [read_record(folder / stage).steps for stage in STAGES] == [2, 2, 1]
    first, second, last = (config_of(folder / stage) for stage in STAGES)
    assert (first["options"]["scale"], first["options"]["teacher"]) == (2, "")
    assert second["options"]["scale"] == 4
    assert second["options"]["teacher"] == str(folder / "x2")
    assert last["options"]["network"] == str(folder / "x4")
    assert (first["lr"], second["lr"]) == (OPTIONS["lr"], 3e-5)
    assert first["options"]["omega"] == second["options"]["omega"] == "truncated"
    assert json.loads((folder / "chain.json").read_text())["chain"] == [2, 4]
    for number, stage in enumerate(STAGES):
        record = read_record(folder / stage)
        assert (record.name, tuple(each.name for each in record.before)) == (stage, STAGES[:number])
    # Each is a student of its own.
    for stage, scale in zip(STAGES, (2, 4, 4), strict=True):
        made = pairgen.Restorer(str(folder / stage))(np.zeros((5, 3, 3), np.uint8))
        assert made.shape == (5 * scale, 3 * scale, 3)


def test_it_stops_at_a_factor_and_goes_on_from_there(chain, levels):
    first = chain(to=2)
    assert first.folder.name == "decoder-x2"
    before = tensors(chain.folder / "x2")
    done = chain(resume=True, data=None, model=None, chain=None, to=None)
    assert done.folder.name == "decoder-x4"
    assert f"Stage x2: {chain.folder / 'x2'} is finished." in chain.said
    assert_equal(tensors(chain.folder / "x2"), before)


def test_it_starts_from_a_finished_run_of_another_chain(chain):
    chain(to=2, **{"decoder.steps": 0})
    done = chain("second", from_run=str(chain.folder / "x2"), **{"decoder.steps": 0})
    assert done.folder.name == "x4"
    assert config_of(done.folder)["options"]["teacher"] == str(chain.folder / "x2")
    assert not (done.folder.parent / "x2").exists()


def test_a_final_stage_trains_the_last_time_alone_and_the_decoder_follows_it(chain):
    chain(**{"final.steps": 1})
    final, last = (config_of(chain.folder / name) for name in ("final-x4", "decoder-x4"))
    assert final["options"]["start_share"] == 1
    assert final["options"]["teacher"] == str(chain.folder / "x2")
    assert final["options"]["start_from"] == str(chain.folder / "x4")
    assert last["options"]["network"] == str(chain.folder / "final-x4")


def test_a_finished_chain_does_nothing_and_says_what_is_next(chain):
    chain()
    before = {path: path.stat().st_mtime_ns for path in chain.folder.rglob("*.safetensors")}
    done = chain(resume=True)
    assert done.following == f"pairgen eval {chain.folder / 'decoder-x4'} --data HELD_OUT"
    assert {path: path.stat().st_mtime_ns for path in chain.folder.rglob("*.safetensors")} == before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"chain": "2,6"}, "chain must be factors from 2 to 64, each twice the one before"),
        ({"chain": "3,6", "to": 4}, "to must be one of the factors 3,6, got 4"),
        ({"method": "osediff"}, "chain is for the method yonos, got 'osediff'"),
        (
            {"x8.steps": 3},
            "x8.steps is of no stage that is trained: known are x2, x4, final",
        ),
        ({"x4.scale": 2}, "x4.scale cannot be given: the chain sets it"),
        ({"x4.stepz": 3}, "has no option 'stepz'"),
        ({"decoder.omega": "v"}, "The method 'yonos_decoder' has no option 'omega'"),
        ({"from_run": "nothing"}, "from_run must be a finished run of `pairgen train yonos`"),
        # What a stage after the first lacks is told before the first is trained.
        ({"chain": "2,4,8"}, "yonos needs lr8_moments.npy or lr8.png, and .* has none"),
        ({"decoder.perceptual": "nothing.pth"}, "There is no perceptual network 'nothing.pth'"),
        ({"decoder.perceptual": None}, "perceptual must name the weights"),
        ({"x4.model": "gaussian"}, "model must have a trainable network, got 'gaussian'"),
        (
            {"crop": 6},
            r"crop must be divisible by 4, because lr4.png of .*got 6",
        ),
        # Nothing is taken that a chain would not use.
        ({"chain": ""}, "chain must be factors from 2 to 64"),
        ({"chain": [2.5]}, "chain must be factors from 2 to 64"),
        ({"chain": None, "to": 4}, "to and from_run are of a chain"),
        ({"scale": 4}, "scale cannot be given: the chain sets it"),
        ({"teacher": "nothing"}, "teacher cannot be given: the chain sets it"),
        ({"final.start_share": 0.5}, "Options of the final stage need final.steps"),
    ],
)
def test_what_cannot_be_is_one_sentence_before_a_step(chain, changes, message):
    with pytest.raises(ConfigError, match=message):
        chain(**changes)
    assert not chain.folder.exists()


def test_a_folder_that_holds_something_else_is_left_alone(chain, levels):
    before = sorted(levels.iterdir())
    with pytest.raises(ConfigError, match="holds other files: give another --out"):
        chain(out=str(levels))
    assert sorted(levels.iterdir()) == before


def test_a_chain_that_has_lost_its_file_continues(chain):
    chain(to=2, **{"decoder.steps": 0})
    (chain.folder / "chain.json").unlink()
    with pytest.raises(ConfigError, match="holds other files"):
        chain()
    done = chain(resume=True, **{"decoder.steps": 0})
    assert done.folder.name == "x4" and f"{chain.folder / 'x2'} is finished" in chain.said[0]
    (chain.folder / "chain.json").write_text("[2, 4]")
    with pytest.raises(ConfigError, match=r"chain.json is not the file of a chain: it must"):
        chain(resume=True)


def test_a_chain_whose_first_stage_was_refused_begins_anew(chain):
    with pytest.raises(ConfigError, match="batch of a step must be at most"):
        chain(to=2, batch_size=512, **{"decoder.steps": 0})
    assert chain(to=2, **{"decoder.steps": 0}).step == 2


def test_what_is_of_a_chain_makes_one():
    given = [{"chain": ""}, {"to": 2}, {"from_run": "x2"}]
    assert all(map(is_chain, given)) and not is_chain({"chain": None, "method": "yonos"})


def test_what_does_not_continue_is_refused(chain):
    chain(**{"decoder.steps": 0})
    folder = chain.folder
    for changes, message in (
        ({}, "holds a chain: continue it with --resume"),
        ({"resume": True, "chain": "4,8"}, "holds the chain 2,4, got 4,8"),
        ({"resume": True, "omega": "constant"}, "holds another run; these differ: omega"),
        ({"resume": True, "x2.steps": 5}, "x2 has steps left to train, but .*x4 has started from"),
    ):
        with pytest.raises(ConfigError, match=message):
            chain(**changes)
    assert [read_record(folder / stage).steps for stage in STAGES[:2]] == [2, 2]


def test_a_model_with_another_vae_is_refused_before_the_first_stage(chain, sd15_folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(sd15_folder, other)
    config = json.loads((other / "vae/config.json").read_text())
    (other / "vae/config.json").write_text(json.dumps({**config, "scaling_factor": 0.5}))
    for stage, before in (("x4", "x2"), ("decoder", "x4")):
        with pytest.raises(ConfigError, match=f"{before} must come from the model other: the VAE"):
            chain(**{f"{stage}.model": str(other)})
    # One of the same VAE, and the same times, is taken.
    shutil.copytree(sd15_folder, tmp_path / "copy")
    assert chain(to=2, **{"decoder.model": str(tmp_path / "copy")}).step == 2


def alter(run: Path) -> None:
    """Change one weight of the network of a finished run that does not tell the files' hashes."""
    file = run / "student/unet/diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    weights["conv_out.bias"] += 1
    save_file(weights, file, {"format": "pt"})
    (run / FILES).unlink()


def test_altered_weights_of_a_finished_stage_are_refused_by_name(chain):
    chain(to=2, **{"decoder.steps": 0})
    whole = shutil.copytree(chain.folder, chain.folder.with_name("whole"))
    weights = json.loads((chain.folder / "chain.json").read_text())["weights"]
    assert weights == {"x2": hash_run(chain.folder / "x2", "last")}
    alter(chain.folder / "x2")
    before = sorted(chain.folder.rglob("*"))
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"chain/x2 has changed since .* and .*x4 would"):
            chain(resume=True, **{"decoder.steps": 0})
    assert sorted(chain.folder.rglob("*")) == before
    # Trained on, it is a run of its own again.
    done = chain(resume=True, **{"x2.steps": 3, "decoder.steps": 0})
    assert done.folder.name == "x4"
    # A run that the chain only continues from is known once a stage has learned from it.
    given = {"from_run": str(whole / "x2"), "decoder.steps": 0}
    chain("second", **given)
    alter(whole / "x2")
    chain("second", resume=True, **given)
    with pytest.raises(ConfigError, match=r"whole/x2 has changed since .* and .*final-x4 would"):
        chain("second", resume=True, **given, **{"final.steps": 1})


def test_a_chain_that_was_moved_or_is_spelled_otherwise_continues(chain, tmp_path, monkeypatch):
    given = {"checkpoint_every": 1, "decoder.steps": 0}
    chain(**given)
    moved = chain.folder.rename(tmp_path / "moved")
    (tmp_path / "link").symlink_to(moved)
    monkeypatch.chdir(tmp_path)
    for steps, out in enumerate(("moved/", "./link"), 3):
        done = chain(resume=True, **given, out=out, **{"x4.steps": steps})
        assert (done.folder.resolve(), done.step) == (moved / "x4", steps)
    # What the teacher holds is compared, wherever it lies.
    alter(moved / "x2")
    (moved / "chain.json").unlink()
    with pytest.raises(ConfigError, match=r"average weights of .*x2 names another file than"):
        chain(resume=True, **given, out="moved", **{"x4.steps": 9})


def test_a_chain_is_no_model_and_says_which_of_its_stages_are(chain, levels):
    chain(to=2)
    stages = " or ".join(str(chain.folder / stage) for stage in ("x2", "decoder-x2"))
    does = re.escape(f"is a chain of trainings, not one model: give one of its stages, {stages}.")
    for refuses in (
        lambda: pairgen.Restorer(str(chain.folder)),
        lambda: pairgen.sample(model=str(chain.folder), out="none"),
        lambda: pairgen.evaluate(chain.folder, data=str(levels)),
    ):
        with pytest.raises(ConfigError, match=does):
            refuses()
    for stage in chain.folder.glob("*/model.yaml"):
        stage.unlink()
    with pytest.raises(ConfigError, match="without a student yet: finish it with --resume"):
        pairgen.Restorer(str(chain.folder))


def arguments(levels: Path, out: Path, **options: Any) -> list[str]:
    given = {**OPTIONS, **options}
    flags = [f"--set={key}={json.dumps(value)}" for key, value in given.items() if key != "method"]
    return ["train", "yonos", "--chain", "2,4", "--data", str(levels), "--out", str(out), *flags]


def test_ten_kills_over_the_borders_of_stages_change_no_bit(
    levels, sd15_folder, pixel_net, tmp_path
):
    options = {
        "model": str(sd15_folder),
        "steps": 4,
        "checkpoint_every": 1,
        "log_every": 1,
        "ema_decay": 0.9,
        "decoder.perceptual": str(pixel_net),
    }
    whole, folder, log = tmp_path / "whole", tmp_path / "killed", tmp_path / "log"
    undisturbed = forked.start(arguments(levels, whole, **options), log)
    assert undisturbed.wait() == 0, log.read_text()
    again = arguments(levels, folder, **options, resume=True)
    kills = 0
    for number in range(10):
        done = num_steps(folder)
        process = forked.start(again, log)
        while process.poll() is None and num_steps(folder) < done + 1 + number % 2:
            time.sleep(0.02)
        time.sleep(0.04 * number)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 6
    assert forked.start(again, log).wait() == 0, log.read_text()
    for stage in STAGES:
        assert_equal(tensors(folder / stage), tensors(whole / stage))


def num_steps(folder: Path) -> int:
    return sum(len(steps_logged(folder / stage)) for stage in STAGES)


def test_two_ranks_train_a_chain_as_one(levels, sd15_folder, pixel_net, tmp_path):
    options = {
        "method": "yonos",
        "chain": "2,4",
        "model": str(sd15_folder),
        "steps": 2,
        "decoder.perceptual": str(pixel_net),
        "data_parts": 2,
    }
    for ranks in (1, 2):
        run(levels, tmp_path / str(ranks), ranks, **options)
    # What a student lacks to a teacher of nearly equal weights is small, and rounding is not.
    for stage, bound in zip(STAGES, (1e-4, 2e-2, 2e-2), strict=True):
        one, two = (tensors(tmp_path / ranks / stage) for ranks in "12")
        assert_same_gradients(two, one, bound)
