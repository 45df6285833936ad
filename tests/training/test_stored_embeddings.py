"""Train on embeddings of an overlay: those of the student's text encoder, whole, or not at all."""

import shutil
from pathlib import Path

import pytest
import torch

import pairgen
from pairgen.jobs.train.run import run_train
from pairgen.shards.loading.loader import Loader
from pairgen.teachers._pretrained.text_to_latent import LatentDiffusion
from pairgen.teachers.base import Conditioning
from tests import true_classes
from tests.training.conftest import OPTIONS, make_pairs
from tests.training.test_train import assert_equal, tensors

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def own_pairs(pairs: Path, tmp_path: Path) -> Path:
    """A copy that may be annotated."""
    return Path(shutil.copytree(pairs, tmp_path / "set"))


def annotate(parent: Path, **options: object) -> Path:
    options = {"batch_size": 3, "executor": "serial", **options}
    pairgen.annotate(parent, add="text_embedding", **options)
    return Path(f"{parent}.annotations/text_embedding")


def train(data: Path, out: Path, **options: object) -> tuple[Path, list[str]]:
    said: list[str] = []
    asked = {**OPTIONS, "data": str(data), "out": str(out), "steps": 3, "cpu_threads": 1}
    return run_train({**asked, **options}, said.append).folder, said


def told(said: list[str]) -> list[str]:
    return [each for each in said if each.startswith("Prompts are")]


@pytest.mark.parametrize("method", ["regression", "reflow", "diffusion2gan"])
def test_it_equals_a_training_that_encodes_and_rounds(
    own_pairs, tmp_path, monkeypatch, method
) -> None:
    """The stored embeddings are the teacher's, in float16."""
    options = {"method": method}
    if method == "diffusion2gan":
        options |= {"distance": "mse"}
    original = LatentDiffusion.encode_prompts

    def rounded(self, prompts):
        # In batches as large as the annotator's, whose size changes the last bits.
        found = []
        for start in range(0, len(prompts), 3):
            part = [*prompts[start : start + 3]]
            padded = part + part[-1:] * (3 - len(part))
            tensors = original(self, padded)[: len(part)].tensors
            found.append(
                Conditioning({name: each.half().float() for name, each in tensors.items()})
            )
        return Conditioning.cat(found)

    with monkeypatch.context() as patched:
        patched.setattr(LatentDiffusion, "encode_prompts", rounded)
        encoded, said = train(own_pairs, tmp_path / "encoded", **options)
    assert told(said) == []
    plain, _ = train(own_pairs, tmp_path / "plain", **options)
    overlay = annotate(own_pairs)
    stored, said = train(own_pairs, tmp_path / "stored", **options)
    assert told(said) == [f"Prompts are not encoded: {overlay} has their txt_emb.npy."]
    assert_equal(tensors(stored), tensors(encoded))
    before, after = tensors(plain), tensors(stored)
    assert any(not torch.equal(before[name], after[name]) for name in before)
    for name in before:
        if "state" not in name and before[name].is_floating_point():
            torch.testing.assert_close(after[name], before[name], atol=5e-3, rtol=5e-2)


def test_the_text_encoder_is_loaded_only_for_grids(own_pairs, tmp_path, monkeypatch) -> None:
    annotate(own_pairs)
    events: list[str] = []
    load, batches = LatentDiffusion._encode_negative, Loader.__iter__

    def noted(self):
        events.append("text encoder" + " of a teacher" * (self._unet is not None))
        return load(self)

    def read(self):
        for batch in batches(self):
            assert "txt" not in batch.texts
            events.append("batch")
            yield batch

    monkeypatch.setattr(LatentDiffusion, "_encode_negative", noted)
    monkeypatch.setattr(Loader, "__iter__", read)
    folder, _ = train(own_pairs, tmp_path / "run", steps=2)
    assert list((folder / "grids").iterdir())
    assert events == ["text encoder of a teacher", "batch", "batch"]


def test_embeddings_of_another_text_encoder_are_not_used(own_pairs, tmp_path) -> None:
    other = tmp_path / "other"
    true_classes.write_sd15(other, seed=77)
    overlay = annotate(own_pairs, model=str(other))
    _, said = train(own_pairs, tmp_path / "run", steps=1)
    (reason,) = told(said)
    assert reason.startswith(
        f"Prompts are encoded anew: the txt_emb.npy of {overlay} is by other, "
    )
    assert "whose text encoder is not known to be that of " in reason


def test_embeddings_of_the_same_text_encoder_beside_another_unet_are_used(
    own_pairs, sd15_folder, tmp_path
) -> None:
    other = tmp_path / "other"
    true_classes.write_sd15(other, seed=77)
    for part in ("text_encoder", "tokenizer"):
        shutil.rmtree(other / part)
        shutil.copytree(sd15_folder / part, other / part)
    overlay = annotate(own_pairs, model=str(other))
    _, said = train(own_pairs, tmp_path / "run", steps=1)
    assert told(said) == [f"Prompts are not encoded: {overlay} has their txt_emb.npy."]


def test_embeddings_that_lack_samples_are_not_used(own_pairs, sd15_folder, tmp_path) -> None:
    overlay = annotate(own_pairs)
    make_pairs(sd15_folder, tmp_path / "more", num_samples=8)
    (overlay / "__meta__/shards/00000.json").unlink()
    _, said = train(own_pairs, tmp_path / "run", steps=1)
    (reason,) = told(said)
    assert "32 of 32 samples have no txt_emb.npy: left out; " in reason and "is behind" in reason


def test_a_run_goes_on_as_it_began(own_pairs, tmp_path) -> None:
    whole, _ = train(own_pairs, tmp_path / "whole", steps=4)
    train(own_pairs, tmp_path / "parts", steps=2)
    overlay = annotate(own_pairs)
    parts, said = train(own_pairs, tmp_path / "parts", steps=4, resume=True)
    reason = f"Prompts are encoded anew: the run began without the txt_emb.npy of {overlay}."
    assert told(said) == [reason]
    assert_equal(tensors(parts), tensors(whole))


def test_an_overlay_of_another_set_offers_nothing(own_pairs, sd15_folder, tmp_path) -> None:
    other = make_pairs(sd15_folder, tmp_path / "other", seed=9, num_samples=8)
    shutil.copytree(annotate(other), Path(f"{own_pairs}.annotations/text_embedding"))
    _, said = train(own_pairs, tmp_path / "run", steps=1)
    assert told(said) == []
