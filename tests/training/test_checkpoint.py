"""Checkpoints: what they hold, and what they refuse."""

import copy
import hashlib
import json
import os
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pairgen.errors import ConfigError, PairgenError
from pairgen.training.loop.checkpoint import load_checkpoint, read_state, save_checkpoint
from pairgen.training.loop.optimizer import gather_state
from pairgen.training.loop.player import make_player
from pairgen.training.player_options import PlayerConfig
from pairgen.untrusted.sealed import OWN_SHA256, sealed

STATE = {"loader": {"epoch": 0}, "seconds": 1.5, "scalers": {}}


class Critic(nn.Module):
    """Spectral norm keeps the vectors of its power iteration in buffers; batch norm its means."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)),
            nn.BatchNorm1d(4),
            nn.utils.spectral_norm(nn.Linear(4, 1)),
        )

    def forward(self, x):
        return self.layers(x)


def players(seed):
    torch.manual_seed(seed)
    config = PlayerConfig(lr=0.1, ema_decay=0.5)
    return {
        "critic": make_player("critic", Critic(), config),
        "student": make_player("student", nn.Linear(4, 4), config),
    }


def step(found, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(6, 4, generator=generator)
    for player in found.values():
        player.optimizer.zero_grad()
        player.module(x).square().mean().backward()
        player.optimizer.step()
        player.ema.update(player.parameters, seed)


def save(found, folder, number, kept=None):
    optimizers = {name: gather_state(p.optimizer, p.parameters) for name, p in found.items()}
    return save_checkpoint(folder, number, found, optimizers, kept or {}, STATE, 0)


def everything(found):
    state = {}
    for name, player in found.items():
        state |= {f"{name}.{key}": each for key, each in player.module.state_dict().items()}
        state |= {f"{name}.ema.{key}": each for key, each in player.ema.averages.items()}
        state |= {
            f"{name}.optimizer.{key}": each
            for key, each in gather_state(player.optimizer, player.parameters).items()
        }
    return copy.deepcopy(state)


@pytest.fixture
def saved(tmp_path):
    """Players after three steps, and their checkpoint."""
    found = players(0)
    for number in range(1, 4):
        step(found, number)
    return found, save(found, tmp_path / "checkpoints", 3)


def test_a_checkpoint_brings_everything_back_and_training_goes_on_alike(saved):
    found, checkpoint = saved
    others = players(1)
    load_checkpoint(checkpoint, others, {}, read_state(checkpoint))
    for number in range(4, 7):
        expected, returned = everything(found), everything(others)
        assert expected.keys() == returned.keys()
        assert all(torch.equal(returned[name], each) for name, each in expected.items())
        step(found, number)
        step(others, number)
    buffers = load_file(checkpoint / "critic.buffers.safetensors")
    assert {name.rpartition(".")[2] for name in buffers} == {
        *("_u", "_v", "running_mean", "running_var", "num_batches_tracked"),
        *("weight_u", "weight_v"),
    }
    assert not (checkpoint / "student.buffers.safetensors").exists()


def test_every_altered_byte_of_a_tensor_is_found_and_nothing_is_loaded(saved):
    _, checkpoint = saved
    others = players(1)
    before = everything(others)
    for name in sorted(path.name for path in checkpoint.glob("*.safetensors")):
        path = checkpoint / name
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(ConfigError, match=f"{name} cannot be read: its SHA-256 is not the"):
            load_checkpoint(checkpoint, others, {}, read_state(checkpoint))
        path.write_bytes(data)
    after = everything(others)
    assert all(torch.equal(after[name], each) for name, each in before.items())


def rewritten(checkpoint, **changes):
    path = checkpoint / "state.json"
    state = {**json.loads(path.read_text()), OWN_SHA256: None, **changes}
    kept = {name: each for name, each in state.items() if each is not None}
    path.write_bytes(sealed(json.dumps(kept).encode()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": 4}, "it is the state after 4 steps"),
        ({"step": True}, "it is the state after 1 step"),
        ({"loader": None}, "it lacks loader"),
        ({"tensors": None, "seconds": None}, "it lacks seconds, tensors"),
        ({"loader": [1]}, r"its loader is \[1\]"),
        ({"version": 3}, "has version 3, this pairgen reads up to version 2: continue the run"),
        ({"version": "2"}, "has version '2', this pairgen"),
        ({"seconds": float("nan")}, "its seconds or scalers are no numbers"),
        ({"scalers": {"student": {"scale": "x"}}}, "its seconds or scalers are no numbers"),
        ({"tensors": {"student.safetensors": 3}}, "its tensors have no checksums"),
    ],
)
def test_a_state_that_does_not_belong_is_one_sentence(saved, changes, message):
    _, checkpoint = saved
    rewritten(checkpoint, **changes)
    with pytest.raises(ConfigError, match=message):
        read_state(checkpoint)


def test_any_other_byte_of_a_state_is_found(saved):
    _, checkpoint = saved
    path = checkpoint / "state.json"
    before = read_state(checkpoint)
    whole = path.read_bytes()
    name = whole.index(b"own_sha256")
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        # Under another name, it is a state of before, without a hash of itself.
        if not name <= at < name + len("own_sha256"):
            with pytest.raises(ConfigError, match=r"state.json cannot be read: .*; "):
                read_state(checkpoint)
    path.write_bytes(whole)
    assert read_state(checkpoint) == before
    rewritten(checkpoint)
    path.write_text(json.dumps(before))
    assert read_state(checkpoint) == before


def test_the_state_of_another_step_is_found_by_the_name_of_its_folder(saved):
    _, checkpoint = saved
    moved = checkpoint.with_name("00000007")
    shutil.copytree(checkpoint, moved)
    with pytest.raises(ConfigError, match=r"it is the state after 3 steps; remove .*00000007"):
        read_state(moved)


def test_the_tensors_of_other_networks_are_refused_even_if_they_would_broadcast(saved):
    found, checkpoint = saved
    path = checkpoint / "student.safetensors"
    for tensors, message in (
        ({"weight": torch.zeros(1, 4), "bias": torch.zeros(4)}, r"weight is .* \[1, 4\] there"),
        ({"weight": torch.zeros(4, 4).half(), "bias": torch.zeros(4)}, "weight is torch.float16"),
        ({"weight": torch.zeros(4, 4)}, "only one of them has bias"),
    ):
        save_file(tensors, path)
        resigned(checkpoint)
        with pytest.raises(ConfigError, match=f"belongs to another network: {message}"):
            load_checkpoint(checkpoint, found, {}, read_state(checkpoint))
    with pytest.raises(ConfigError, match=r"only one of it and this run has kept\.target\.safe"):
        load_checkpoint(checkpoint, found, {"target": nn.Linear(1, 1)}, read_state(checkpoint))
    moments = load_file(checkpoint / "critic.optimizer.safetensors")
    first = next(name for name in moments if name.endswith("/exp_avg"))
    save(found, checkpoint.parent, 3)
    save_file({**moments, first: torch.zeros(1)}, checkpoint / "critic.optimizer.safetensors")
    resigned(checkpoint)
    with pytest.raises(ConfigError, match=r"exp_avg is \[1\], not"):
        load_checkpoint(checkpoint, found, {}, read_state(checkpoint))


def resigned(checkpoint):
    """Record the checksums of files that were replaced on purpose."""
    rewritten(
        checkpoint,
        tensors={
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in checkpoint.glob("*.safetensors")
        },
    )


def test_what_stands_is_told_only_if_it_does(saved, tmp_path):
    found, last = saved
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(PairgenError, match=r"could not be written: [^;]*$"):
        save(found, blocked, 4)
    # A folder of the same name that cannot be replaced by the new one.
    (last.parent / f".{4:08d}.{os.getpid()}.partial").write_text("")
    with pytest.raises(PairgenError, match=f"could not be written: .*; {last.name} is intact"):
        save(found, last.parent, 4)
