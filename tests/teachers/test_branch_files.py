"""Files of condition branches: what they are, and which are refused; conditions that do not fit."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.sampling.conditioning import FUSIONS, MIXTURE
from pairgen.teachers import latent_diffusion
from tests.branches import new_denoiser, write_branch
from tests.teachers.test_branch import CPU, TIMES, build, condition, normal, prompts
from tests.true_classes import write_narrow

WIDTHS = "conditioning_embedding_out_channels"

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def mixture(sd15_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A branch that mixes. Do not change it."""
    return write_branch(tmp_path_factory.mktemp("branch") / "mixture", sd15_folder, fusion=MIXTURE)


def changed(branch: Path, folder: Path, name: str, content: str) -> Path:
    """Return a copy of a branch with another file."""
    copy = Path(shutil.copytree(branch, folder))
    (copy / name).write_text(content)
    return copy


def identity(location: Path, branch: Path) -> Any:
    return latent_diffusion.describe(location=str(location), branch=str(branch)).identity


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_identity_is_that_of_model_and_branch(fusion, sd15_folder, tmp_path):
    plain = latent_diffusion.describe(location=str(sd15_folder))
    branch = write_branch(tmp_path / "branch", sd15_folder, channels=4, fusion=fusion)
    described = latent_diffusion.describe(location=str(sd15_folder), branch=str(branch))
    assert (plain.condition_channels, described.condition_channels) == (0, 4)
    found = dict(described.identity)
    assert found.pop("branch").keys() == {"weights_sha256"} and found == plain.identity
    moved = Path(shutil.copytree(branch, tmp_path / "moved"))
    assert identity(sd15_folder, moved) == described.identity
    names = ["diffusion_pytorch_model.safetensors", "config.json"]
    for name in [*names, *(["fusion.json"] if fusion == MIXTURE else [])]:
        other = Path(shutil.copytree(branch, tmp_path / f"other-{name}"))
        data = bytearray((other / name).read_bytes())
        if name.endswith("json"):
            data += b" "
        else:
            data[-1] ^= 1
        (other / name).write_bytes(data)
        assert identity(sd15_folder, other) != described.identity
    # One that sums is another model than one that mixes.
    if fusion == MIXTURE:
        (moved / "fusion.json").unlink()
        assert identity(sd15_folder, moved) != described.identity


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"_class_name": "UNet2DConditionModel"}, "must be .* a ControlNetModel, and .*UNet2D"),
        ({"cross_attention_dim": 48}, "for another network: its cross_attention_dim is 48, .*32"),
        ({"down_block_types": ["DownBlock2D"]}, "another network: its down_block_types"),
        ({"addition_embed_type": "text_time"}, "another network: its addition_embed_type"),
        ({WIDTHS: [16, 32, 96]}, "takes 4 pixels a latent, .* has 2"),
        ({WIDTHS: "ab"}, 'must hold numbers .*got "ab" and 3'),
        ({WIDTHS: []}, r"must hold numbers .*got \[\] and 3"),
        ({"conditioning_channels": "3"}, 'must hold numbers .* and "3"'),
    ],
)
def test_a_branch_of_another_network_is_refused(values, words, mixture, sd15_folder, tmp_path):
    config = json.loads((mixture / "config.json").read_text())
    text = json.dumps({**config, **values})
    branch = changed(mixture, tmp_path / "branch", "config.json", text)
    with pytest.raises(TeacherLoadError, match=words):
        identity(sd15_folder, branch)


def test_the_config_of_an_early_controlnet_may_lack_what_was_usual(tmp_path):
    # Its VAE has 8 px a latent, as that of every published ControlNet.
    narrow = write_narrow(tmp_path / "narrow")
    branch = write_branch(tmp_path / "branch", narrow)
    config = json.loads((branch / "config.json").read_text())
    for name in ("conditioning_channels", WIDTHS):
        del config[name]
    (branch / "config.json").write_text(json.dumps(config))
    described = latent_diffusion.describe(location=str(narrow), branch=str(branch))
    assert described.condition_channels == 3
    assert (
        latent_diffusion.build_denoiser(
            location=str(narrow), device=CPU, branch=str(branch)
        ).branch.factor
        == 8
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"fusion\.json is not readable JSON"),
        ("[]", r"fusion\.json does not hold a JSON object"),
        ('{"fusion": "sum", "mu": 1}', "must hold fusion 'mixture' and a number mu"),
        ('{"fusion": "mixture", "mu": "0.5"}', 'and a number mu, got .*"0.5"'),
        ('{"fusion": "mixture", "mu": true}', "and a number mu, got .*true"),
        ('{"fusion": "mixture", "mu": NaN}', "and a number mu, got .*NaN"),
        ('{"fusion": "mixture"}', "and a number mu"),
    ],
)
def test_a_damaged_fusion_is_refused(text, words, mixture, sd15_folder, tmp_path):
    branch = changed(mixture, tmp_path / "branch", "fusion.json", text)
    with pytest.raises(TeacherLoadError, match=words):
        identity(sd15_folder, branch)


def test_a_trained_branch_fits_a_model_whose_weights_are_a_variant(mixture, sd15_folder, tmp_path):
    """As `sd15` is, of variant fp16: what is trained beside it is saved without one."""
    folder = Path(shutil.copytree(sd15_folder, tmp_path / "fp16"))
    for file in folder.glob("*/*.safetensors"):
        file.rename(file.with_suffix(".fp16.safetensors"))
    chosen = {"branch": str(mixture), "variant": "fp16"}
    described = latent_diffusion.describe(location=str(folder), **chosen)
    assert described.identity["branch"] == identity(sd15_folder, mixture)["branch"]
    text = prompts(sd15_folder).with_condition(condition())
    x = normal(2, 4, 8, 8)
    found, _ = build(folder, **chosen).predict(x, TIMES, text, None)
    expected, _ = build(sd15_folder, branch=str(mixture)).predict(x, TIMES, text, None)
    assert torch.equal(found, expected)
    # Where the branch has that variant too, it is taken.
    own = Path(shutil.copytree(mixture, tmp_path / "own"))
    write_branch(tmp_path / "other", sd15_folder, fusion=MIXTURE, seed=9)
    file = "diffusion_pytorch_model"
    shutil.copyfile(
        tmp_path / f"other/{file}.safetensors", tmp_path / f"own/{file}.fp16.safetensors"
    )
    other, _ = build(folder, branch=str(own), variant="fp16").predict(x, TIMES, text, None)
    assert not torch.equal(other, expected)


def test_weights_that_are_missing_or_of_another_branch_are_refused(sd15_folder, tmp_path):
    branch = write_branch(tmp_path / "branch", sd15_folder)
    wider = write_branch(tmp_path / "wider", sd15_folder, channels=4)
    file = "diffusion_pytorch_model.safetensors"
    shutil.copyfile(wider / file, branch / file)
    with pytest.raises(TeacherLoadError, match="16, 4, 3, 3"):
        build(sd15_folder, branch=str(branch))
    (branch / file).unlink()
    with pytest.raises(TeacherLoadError, match=r"lacks diffusion_pytorch_model\.safetensors"):
        identity(sd15_folder, branch)
    with pytest.raises(TeacherLoadError, match=r"config\.json is missing"):
        identity(sd15_folder, tmp_path)


def test_a_condition_that_does_not_fit_is_refused(sd15_folder, sd21_folder, tmp_path):
    denoiser = new_denoiser(sd15_folder)
    text, x = prompts(sd15_folder), normal(2, 4, 8, 8)
    for wrong in (torch.zeros(2, 4, 16, 16), torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 16, 32)):
        with pytest.raises(ConfigError, match="a condition of 3 channels and 16 x 16 px here, and"):
            denoiser(x, TIMES, text.with_condition(wrong))
    with pytest.raises(ConfigError, match="The network takes a condition: use a model that fits"):
        denoiser(x, TIMES, text)
    plain = latent_diffusion.build_denoiser(location=str(sd15_folder), device=CPU)
    with pytest.raises(ConfigError, match="The network has no branch for a condition"):
        plain(x, TIMES, text.with_condition(condition()))
    # Other sizes of latents are fine.
    wide = denoiser(normal(2, 4, 8, 16), TIMES, text.with_condition(torch.zeros(2, 3, 16, 32)))
    assert wide.shape == (2, 4, 8, 16)
    with pytest.raises(ConfigError, match="takes a guidance scale as an input, and a branch"):
        latent_diffusion.build_denoiser(
            location=str(sd15_folder), device=CPU, guidance_embedding=True, condition_channels=3
        )
    branch = write_branch(tmp_path / "branch", sd15_folder)
    with pytest.raises(ConfigError, match="takes conditions of 3 channels, not 4"):
        latent_diffusion.build_denoiser(
            location=str(sd15_folder), device=CPU, branch=str(branch), condition_channels=4
        )
    with pytest.raises(TeacherLoadError, match="another network: its cross_attention_dim"):
        build(sd21_folder, branch=str(branch))
