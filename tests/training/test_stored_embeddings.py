"""Train on embeddings of an overlay: those of the student's text encoder, whole, or not at all."""

import gc
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPTextModel

import pairgen
from pairgen.jobs.train import run
from pairgen.jobs.train.run import run_train
from pairgen.receipts import FailedSlot
from pairgen.sampling.conditioning import Conditioning
from pairgen.shards.format.layout import receipt_path
from pairgen.shards.format.manifest import read_receipt, write_receipt
from pairgen.shards.loading.loader import Loader
from pairgen.shards.storage.local_store import LocalStore
from pairgen.teachers._pretrained.text_to_latent import LatentDiffusion
from tests.training.conftest import OPTIONS, make_pairs
from tests.training.test_train import assert_equal, tensors

pytestmark = pytest.mark.usefixtures("one_thread")
ENCODE = LatentDiffusion.encode_prompts


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


def changed(folder: Path, copy: Path, weights: str) -> Path:
    """Copy a model, with other weights in one file."""
    shutil.copytree(folder, copy)
    tensors = {name: 1.01 * each for name, each in load_file(copy / weights).items()}
    save_file(tensors, copy / weights, metadata={"format": "pt"})
    return copy


def told(said: list[str]) -> list[str]:
    return [each for each in said if each.startswith("Prompts are")]


def rounded(self: LatentDiffusion, prompts: list[str]) -> Conditioning:
    """Encode as the annotator does: in batches of 3, rounded to float16."""
    found = []
    for start in range(0, len(prompts), 3):
        part = [*prompts[start : start + 3]]
        padded = part + part[-1:] * (3 - len(part))
        tensors = ENCODE(self, padded)[: len(part)].tensors
        found.append({name: each.half().float() for name, each in tensors.items()})
    return Conditioning.cat([Conditioning(each) for each in found])


@pytest.mark.parametrize("method", ["regression", "reflow", "diffusion2gan"])
def test_it_equals_a_training_that_encodes_and_rounds(
    own_pairs, tmp_path, monkeypatch, method
) -> None:
    options = {"method": method, "steps": 2}
    if method == "diffusion2gan":
        options |= {"distance": "mse"}
    with monkeypatch.context() as patched:
        patched.setattr(LatentDiffusion, "encode_prompts", rounded)
        encoded, said = train(own_pairs, tmp_path / "encoded", **options)
    assert told(said) == []
    overlay = annotate(own_pairs)
    stored, said = train(own_pairs, tmp_path / "stored", **options)
    assert told(said) == [f"Prompts are read as txt_emb.npy from {overlay}, not encoded."]
    assert_equal(tensors(stored), tensors(encoded))


def test_it_is_near_a_training_that_encodes(own_pairs, tmp_path) -> None:
    plain, _ = train(own_pairs, tmp_path / "plain", steps=1)
    annotate(own_pairs)
    stored, _ = train(own_pairs, tmp_path / "stored", steps=1)
    before, after = tensors(plain), tensors(stored)
    names = [name for name in before if name.endswith("/exp_avg")]
    assert names and any(not torch.equal(before[name], after[name]) for name in names)
    for name in names:
        largest = before[name].abs().max().clamp(min=1e-4)
        assert (after[name] - before[name]).abs().max() <= 5e-3 * largest, name


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


def num_text_encoders() -> int:
    # `isinstance` asks objects of all kinds for their class: some answer with a warning.
    return sum(issubclass(type(each), CLIPTextModel) for each in gc.get_objects())


@pytest.mark.parametrize(
    "options",
    [
        {"method": "regression"},
        {"method": "ladd", "guidance": 3, "distill_weight": 1},
        {"method": "ladd", "distill_weighting": "nfsd", "distill_weight": 1},
        {"method": "osediff", "prompts": "fixed", "prompt": "a cat", "scale": 2, "lpips_weight": 0},
    ],
)
def test_no_step_and_no_grid_keeps_a_text_encoder(
    request, own_pairs, sd15_folder, tmp_path, monkeypatch, options
) -> None:
    before, alive = num_text_encoders(), []
    data = own_pairs
    if options["method"] == "osediff":
        data = request.getfixturevalue("photographs")
    else:
        annotate(own_pairs)
    batches, write = Loader.__iter__, run.write_grid

    def read(self):
        for batch in batches(self):
            alive.append(num_text_encoders() - before)
            yield batch

    def written(*given):
        alive.append(num_text_encoders() - before)
        write(*given)

    monkeypatch.setattr(Loader, "__iter__", read)
    monkeypatch.setattr(run, "write_grid", written)
    options = {**options, "model": str(sd15_folder), "steps": 2, "grid_every": 1}
    folder, _ = train(data, tmp_path / "run", **options)
    assert len(list((folder / "grids").iterdir())) == 2
    assert alive and set(alive) == {0}


def test_a_text_encoder_that_nothing_needs_is_not_loaded(
    captioned, sd15_folder, tmp_path, monkeypatch
) -> None:
    data = Path(shutil.copytree(captioned, tmp_path / "set"))
    options = {"method": "ladd", "model": str(sd15_folder), "steps": 2}
    annotate(data, model=str(sd15_folder))
    monkeypatch.setattr(LatentDiffusion, "encode_prompts", None)
    train(data, tmp_path / "run", **options)


def test_embeddings_of_another_text_encoder_are_not_used(own_pairs, sd15_folder, tmp_path) -> None:
    other = changed(sd15_folder, tmp_path / "other", "text_encoder/model.safetensors")
    overlay = annotate(own_pairs, model=str(other))
    _, said = train(own_pairs, tmp_path / "run", steps=1)
    assert told(said) == [
        f"Prompts are encoded anew: the txt_emb.npy of {overlay} is by other, whose text encoder "
        "is not known to be that of sd15."
    ]


def test_embeddings_of_the_same_text_encoder_beside_another_unet_are_used(
    own_pairs, sd15_folder, tmp_path
) -> None:
    other = changed(sd15_folder, tmp_path / "other", "unet/diffusion_pytorch_model.safetensors")
    overlay = annotate(own_pairs, model=str(other))
    _, said = train(own_pairs, tmp_path / "run", steps=1)
    assert told(said) == [f"Prompts are read as txt_emb.npy from {overlay}, not encoded."]


def test_embeddings_that_lack_samples_are_not_used(own_pairs, tmp_path, caplog) -> None:
    overlay = LocalStore(annotate(own_pairs))
    receipt = read_receipt(overlay, 0)
    refused = (FailedSlot(index=1, reason="refused"),)
    write_receipt(overlay, replace(receipt, count=receipt.count - 1, failed=refused))
    _, said = train(own_pairs, tmp_path / "refused", steps=1)
    (reason,) = told(said)
    assert re.fullmatch(
        rf"Prompts are encoded anew: {own_pairs}: \d+ of 32 samples have no txt_emb.npy.", reason
    )
    # Nothing is left out, so nothing is said to be.
    assert caplog.records == []
    overlay.remove(receipt_path(0))
    _, said = train(own_pairs, tmp_path / "interrupted", steps=1)
    command = f"pairgen annotate {own_pairs} --add text_embedding"
    assert told(said) == [
        f"Prompts are encoded anew: {own_pairs}: 32 of 32 samples have no txt_emb.npy; "
        f"{overlay.url} is behind: `{command}` adds what is missing."
    ]


def test_a_run_goes_on_as_it_began(own_pairs, tmp_path) -> None:
    whole, _ = train(own_pairs, tmp_path / "whole", steps=2)
    train(own_pairs, tmp_path / "parts", steps=1)
    overlay = annotate(own_pairs)
    parts, said = train(own_pairs, tmp_path / "parts", steps=2, resume=True)
    reason = f"Prompts are encoded anew: the run began without the txt_emb.npy of {overlay}."
    assert told(said) == [reason]
    assert_equal(tensors(parts), tensors(whole))


def test_an_overlay_of_another_set_offers_nothing(own_pairs, sd15_folder, tmp_path) -> None:
    other = make_pairs(sd15_folder, tmp_path / "other", seed=9, num_samples=8)
    shutil.copytree(annotate(other), Path(f"{own_pairs}.annotations/text_embedding"))
    # Nor does one whose plan cannot be read.
    broken = Path(f"{own_pairs}.annotations/broken/__meta__/plan.yaml")
    broken.parent.mkdir(parents=True)
    broken.write_text("kind: overlay")
    _, said = train(own_pairs, tmp_path / "run", steps=1)
    assert told(said) == []
