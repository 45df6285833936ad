"""Mistakes in a method, in a folder and in options that would train something else in silence."""

import shutil

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from pairgen.errors import ConfigError, PairgenError
from pairgen.methods.base import STUDENT
from pairgen.training.loop.checkpoint import find_checkpoints
from pairgen.training.runs.finished_run import load_run
from tests.training.everything import CRITIC, Everything
from tests.training.test_train import assert_equal, tensors


class SameTwice(Everything):
    """Both players hold the same wrapper."""

    def players(self):
        return {**super().players(), CRITIC: nn.ModuleDict({"score": self.unet})}


class SameWeights(SameTwice):
    """Both players train the same weights as a whole."""

    def __init__(self, setup, weight=0.1):
        super().__init__(setup, weight)
        self.score = self.unet


class OneName(Everything):
    """Two networks of a player have the same name."""

    def players(self):
        halves = (self.autoencoder.encoder, self.autoencoder.decoder)
        inner = {
            name: nn.ModuleDict({"net": half}) for name, half in zip("ab", halves, strict=True)
        }
        return {**super().players(), STUDENT: nn.ModuleDict(inner)}


class Unreached(Everything):
    """The critic's loss does not depend on the critic."""

    def loss(self, player, shared, batch, draws):
        if player == CRITIC:
            return torch.zeros((), requires_grad=True) * 1, {}
        return super().loss(player, shared, batch, draws)


class Rounds(Everything):
    """Rounds that a test chooses."""

    chosen: tuple = ()

    def rounds(self, step):
        return self.chosen


ROUNDS = (
    ((CRITIC,),),
    ((STUDENT,), (STUDENT,)),
    ((CRITIC, CRITIC, STUDENT),),
    ((CRITIC, STUDENT), ("judge",)),
)


def built(monkeypatch, method):
    monkeypatch.setattr("tests.training.everything.build", method)


def test_two_players_of_one_wrapper_are_refused(restorable, train, everything, monkeypatch):
    built(monkeypatch, SameTwice)
    with pytest.raises(ConfigError, match=r"critic\.score: a network is adapted twice: .*beside"):
        train(restorable, steps=1, **everything)
    whole = {"players": {STUDENT: {"encoder": {"lora_rank": 2}}}}
    with pytest.raises(PairgenError, match=r"'critic' belongs to another player too: .*beside"):
        built(monkeypatch, SameWeights)
        train(restorable, steps=1, **{**everything, **whole})


def test_networks_of_one_name_are_refused(restorable, train, everything, monkeypatch):
    built(monkeypatch, OneName)
    with pytest.raises(ConfigError, match="'student' need different names: net, net"):
        train(restorable, steps=1, **{**everything, "players": {}})


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_player_without_gradients_stops(restorable, train, everything, monkeypatch, precision):
    built(monkeypatch, Unreached)
    with pytest.raises(PairgenError, match="loss of the player 'critic' reaches none of its"):
        train(restorable, steps=1, precision=precision, **everything)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_rounds_that_are_none_stop(restorable, train, everything, monkeypatch, rounds):
    built(monkeypatch, type("Chosen", (Rounds,), {"chosen": rounds}))
    with pytest.raises(PairgenError, match=r"rounds of step 0 must name players \(student, crit"):
        train(restorable, steps=1, **everything)


def test_guidance_that_adapters_would_leave_unheard_is_refused(pairs_of_two_scales, train):
    given = {"guidance_embedding": True, "lora_rank": 2, "steps": 1}
    with pytest.raises(ConfigError, match=r"must name time_embedding\.cond_proj: it has weights"):
        train(pairs_of_two_scales, **given)
    run = train(pairs_of_two_scales, trained_layers="cond_proj", **{**given, "steps": 3}).folder
    weights = load_file(run / "student/unet/diffusion_pytorch_model.safetensors")
    assert weights["time_embedding.cond_proj.weight"].abs().max() > 0


def test_a_trained_encoder_is_exported_and_a_frozen_one_copied(
    restorable, sd15_folder, train, everything
):
    def weights(folder):
        return load_file(folder / "vae/diffusion_pytorch_model.safetensors")

    run = train(restorable, steps=2, **everything).folder
    found, before = weights(run / "student"), weights(sd15_folder)
    changed = {name for name, each in before.items() if not torch.equal(found[name], each)}
    assert changed
    assert all(name.startswith(("encoder.", "quant_conv.")) for name in changed)


def test_copies_of_checkpoints_are_left_alone(pairs, train):
    run = train(pairs, steps=2, checkpoint_every=1).folder
    first = find_checkpoints(run / "checkpoints")[0]
    copies = [first.with_name(f"{first.name}.{end}") for end in ("bak", "mine")]
    for copy in copies:
        shutil.copytree(first, copy)
    train(pairs, steps=5, checkpoint_every=1, checkpoints_total_limit=1, resume=True)
    names = sorted(each.name for each in (run / "checkpoints").iterdir())
    assert names == ["00000001.bak", "00000001.mine", "00000005"]


def test_half_a_file_of_what_grids_show_is_made_again(pairs, train):
    whole = train(pairs, "whole", steps=2, grid_every=2).folder
    part = train(pairs, "part", steps=1, grid_every=2).folder
    saved = part / "validation.npz"
    saved.write_bytes(saved.read_bytes()[:200])
    train(pairs, "part", steps=2, grid_every=2, resume=True)
    assert_equal(tensors(part), tensors(whole))
    grid = "grids/00000002.png"
    assert (part / grid).read_bytes() == (whole / grid).read_bytes()


def test_a_grid_that_cannot_be_made_does_not_cost_the_run(
    restorable, train, everything, monkeypatch
):
    def refuse(*_):
        raise ConfigError("no such image")

    monkeypatch.setattr("pairgen.training.students.image_to_image.ImageToImage.grid_rows", refuse)
    run = train(restorable, steps=2, grid_every=1, **everything).folder
    assert (run / "student/model_index.json").is_file()
    assert "No grid after step 1: no such image" in train.said


def test_what_a_method_says_wrongly_of_its_student_leaves_no_folder(
    restorable, train, everything, monkeypatch
):
    class Wrong(Everything):
        def student(self):
            found = super().student()
            found.sampling["spacing"] = "5000"
            return found

    built(monkeypatch, Wrong)
    with pytest.raises(ConfigError, match="5000"):
        train(restorable, steps=1, **everything)
    assert not train.folder.exists()


def test_a_run_is_found_by_its_folder_and_not_as_a_packaged_model(
    pairs, train, tmp_path, monkeypatch
):
    train(pairs, "tiny", steps=1)
    monkeypatch.chdir(tmp_path)
    denoiser, _ = load_run("tiny", "average", torch.device("cpu"))
    exported = load_file("tiny/student/unet/diffusion_pytorch_model.safetensors")
    assert denoiser.network.state_dict().keys() == exported.keys()
