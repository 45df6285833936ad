"""Two networks in a player, adapters of one network, rounds, pixels, image conditions, crops."""

import pytest
import torch
import yaml

import pairgen
from pairgen.errors import ConfigError
from pairgen.process_state import seeded
from pairgen.training.loop.accelerator import open_accelerator
from pairgen.training.loop.progress import TrainProgress
from pairgen.training.loop.trainer import Trainer
from pairgen.training.runs.start import make_setup, resolve_run
from tests.training.conftest import OPTIONS
from tests.training.everything import PLAYERS, Everything
from tests.training.plain_everything import Round, gradients
from tests.training.test_train import assert_equal, assert_same_gradients, tensors

CPU = torch.device("cpu")

SCALES = {"unet": 2.0, "encoder": 1.0, "score": 0.5}


def test_its_gradients_are_those_of_a_plain_script(restorable, sd15_folder, tmp_path, everything):
    still = {"lr": 0.0, "betas": [0.0, 0.999], "weight_decay": 0.0, "clip": 0.0, "steps": 1}
    given = {
        **OPTIONS,
        **everything,
        **still,
        "data": str(restorable),
        "out": str(tmp_path / "run"),
    }
    run = resolve_run(given)
    config = run.config
    loader = pairgen.Loader(restorable, fields=Everything.fields, batch_size=4, crop=16, flip=True)
    again = pairgen.Loader(restorable, fields=Everything.fields, batch_size=4, crop=16, flip=True)
    with open_accelerator() as accelerator, seeded(0):
        setup = make_setup(config, run.plans, run.start, CPU, 1, print)
        trainer = Trainer(config, Everything(setup), loader, tmp_path, accelerator)
        weights = {
            f"{name}.{plain_name(path)}": each
            for name, player in trainer.players.items()
            for path, each in player.parameters.items()
        }
        with torch.no_grad():
            for each in weights.values():
                # B is zero at first, and then A has no gradient.
                each.add_(0.02 * torch.randn_like(each))
        initial = {name.partition(".")[2]: each.detach().clone() for name, each in weights.items()}
        progress = TrainProgress(1, 0, quiet=True)
        trainer.train(lambda: False, lambda step: None, progress, None)
        progress.close()
    batches = iter(again)
    rounds = [Round(next(batches), number) for number in range(2)]
    expected = gradients(sd15_folder, initial, SCALES, rounds)
    squares = {name: [0.0, 0.0] for name in trainer.players}
    for name, each in weights.items():
        player, _, own = name.partition(".")
        # With a beta of 0 the first moment is the last gradient.
        found = trainer.players[player].optimizer.state[each]["exp_avg"]
        *_, last = expected[own]
        largest = last.abs().max()
        assert largest > 0, name
        assert (found - last).abs().max() < 1e-4 * largest, name
        squares[player][0] += float((found - last).square().sum())
        squares[player][1] += float(last.square().sum())
    assert len(weights) == sum(len(p.parameters) for p in trainer.players.values())
    # Of the gradient of all weights of a player. The trainer computes in float32, the script in
    # float64: 1.2e-6 and 0.7e-6 were measured, alike in every part of the networks.
    errors = {player: (error / whole) ** 0.5 for player, (error, whole) in squares.items()}
    assert max(errors.values()) < 2e-6, errors


def test_a_run_that_stopped_twice_ends_in_the_same_bits(restorable, train, everything):
    options = {**everything, "ema_decay": 0.9}
    whole = train(restorable, "whole", steps=7, **options).folder
    for steps in (2, 5, 7):
        parts = train(restorable, "parts", steps=steps, resume=True, **options).folder
    found = tensors(parts)
    assert_equal(found, tensors(whole))
    names = {name.partition(":")[0] for name in found}
    assert "critic.buffers.safetensors" in names
    assert "student.ema.safetensors" in names


def test_micro_batches_and_recomputed_activations_give_the_same_gradients(
    restorable, train, everything
):
    options = {**everything, "steps": 1, "clip": 0.0}
    whole = tensors(train(restorable, "whole", **options).folder)
    parts = tensors(train(restorable, "parts", gradient_checkpointing=True, **options).folder)
    assert_same_gradients(parts, whole, 1e-5)


def test_a_player_that_shares_weights_needs_adapters(restorable, train, everything):
    for critic in ({}, {"score": {"lora_rank": 0}}):
        with pytest.raises(
            ConfigError, match=r"critic\.score\.lora_rank must be at least 1: others"
        ):
            train(restorable, **{**everything, "players": {**PLAYERS, "critic": critic}})
    with pytest.raises(ConfigError, match=r"'unett' in the networks of the player 'student'"):
        train(restorable, **everything, **{"student.unett.lora_rank": 2})
    with pytest.raises(
        ConfigError, match=r"student.unet: trained_layers must name conv_in: it has"
    ):
        train(restorable, **everything, **{"student.unet.trained_layers": ""})
    with pytest.raises(ConfigError, match=r"student.unet: lora_targets: the network has no layer"):
        train(restorable, **everything, **{"student.unet.lora_targets": "to_w"})
    for option in ("lora_targets", "lora_alpha"):
        students = {"student": {"unet": PLAYERS["student"]["unet"]}}
        given = {**everything, "players": students, f"student.encoder.{option}": "4"}
        with pytest.raises(ConfigError, match=rf"student.encoder.{option} needs a lora_rank of at"):
            train(restorable, **given)
    with pytest.raises(ConfigError, match=r"the options of the network 'unet' of the player"):
        train(restorable, **everything, **{"student.unet.lr": 2})


def test_options_of_networks_are_remembered_and_compared(restorable, train, everything):
    run = train(restorable, steps=1, **everything).folder
    written = yaml.safe_load((run / "config.yaml").read_text())
    assert written["players"] == PLAYERS
    train(restorable, steps=2, resume=True, **{**everything, "players": {}})
    with pytest.raises(
        ConfigError, match=r"these differ: student\.encoder\.lora_rank \(was 3, got 4\)"
    ):
        train(restorable, steps=2, resume=True, **everything, **{"student.encoder.lora_rank": 4})


def plain_name(name: str) -> str:
    """Return the name of a weight in the plain script."""
    return name.replace(".adapter.", ".")
