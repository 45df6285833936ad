"""Embeddings of prompts: those of the pipeline and of `pairgen ode`, each prompt once per set."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

import pairgen
from pairgen.jobs.replay.run import run_replay
from pairgen.shards.format.codec import decode_array
from pairgen.teachers._pretrained.quiet import quiet
from pairgen.teachers._pretrained.text_to_latent import LatentDiffusion
from tests.annotated_sets import write_pictures
from tests.runs import samples
from tests.true_classes import PROMPTS

pytestmark = pytest.mark.usefixtures("one_thread")
BATCH = 2


def make_pairs(out: Path, model: Path, **options: object) -> Path:
    prompts = out.parent / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS))
    pairgen.ode(
        model=str(model),
        prompts=str(prompts),
        cfg=3,
        steps=1,
        num_samples=10,
        samples_per_shard=4,
        batch_size=BATCH,
        dtype="float32",
        executor="serial",
        out=str(out),
        **options,
    )
    return out


def stored(folder: Path | str, member: str) -> np.ndarray:
    return np.stack([decode_array(each[member]) for each in samples(Path(folder))])


def annotate(parent: Path, **options: object) -> str:
    (manifest,) = pairgen.annotate(
        parent, add="text_embedding", batch_size=BATCH, executor="serial", **options
    )
    assert manifest.complete and not manifest.num_failed
    return f"{parent}.annotations/text_embedding"


@pytest.mark.parametrize("folder", ["sd15_folder", "sdxl_folder"])
def test_they_are_those_of_the_pipeline_and_of_ode(request, folder, tmp_path: Path) -> None:
    folder = request.getfixturevalue(folder)
    parent = make_pairs(tmp_path / "pairs", folder)
    overlay = annotate(parent)
    kept = make_pairs(tmp_path / "kept", folder, store_embeddings=True)
    members = ["txt_emb.npy", *["pooled_emb.npy"] * ("xl" in str(folder))]
    texts = [each["txt"].decode() for each in samples(parent)]
    distinct = list(dict.fromkeys(texts))
    rows = [distinct.index(text) for text in texts]
    for member in members:
        assert np.array_equal(stored(overlay, member)[rows], stored(kept, member)), member
    loader = pairgen.Loader(parent, fields=["txt", *members], batch_size=5)
    for batch in loader:
        for row, text in enumerate(batch.texts["txt"]):
            for member in members:
                expected = stored(overlay, member)[distinct.index(text)]
                assert np.array_equal(batch[member][row].numpy(), expected)
    assert set(samples(Path(overlay))[0]) == {*members, "json"}

    cls = StableDiffusionXLPipeline if "xl" in str(folder) else StableDiffusionPipeline
    extra = {} if "xl" in str(folder) else {"safety_checker": None}
    with quiet():
        pipeline = cls.from_pretrained(folder, **extra)
    with torch.no_grad():
        for start in range(0, len(distinct), BATCH):
            part = distinct[start : start + BATCH]
            outputs = pipeline.encode_prompt(
                [*part, *part[-1:] * (BATCH - len(part))],
                device="cpu",
                num_images_per_prompt=1,
                do_classifier_free_guidance=False,
            )
            # SDXL's come with the negative ones in between.
            encoded = {"txt_emb.npy": outputs[0], "pooled_emb.npy": outputs[len(outputs) // 2]}
            for member in members:
                expected = encoded[member][: len(part)].half().numpy()
                assert np.array_equal(stored(overlay, member)[start : start + BATCH], expected)

    assert pairgen.verify(overlay).clean
    for key in (0, 2):
        assert not run_replay(overlay, str(key)).differences


def test_each_distinct_prompt_is_encoded_once(
    sd15_folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = make_pairs(tmp_path / "pairs", sd15_folder)
    encoded: list[str] = []
    original = LatentDiffusion.encode_prompts

    def counting(self, prompts):
        encoded.extend(prompts)
        return original(self, prompts)

    monkeypatch.setattr(LatentDiffusion, "encode_prompts", counting)
    annotate(parent)
    # The negative prompt twice when it loads; 3 distinct ones, the odd batch padded.
    assert len(encoded) == 2 + 4


def test_a_set_of_pictures_takes_the_model_that_is_given(sd15_folder, tmp_path: Path) -> None:
    parent = write_pictures(tmp_path / "set")
    overlay = annotate(parent, model=str(sd15_folder))
    loader = pairgen.Loader(parent, fields=["png", "txt", "txt_emb.npy"], batch_size=5)
    found = {
        text: row
        for batch in loader
        for text, row in zip(batch.texts["txt"], batch["txt_emb.npy"], strict=True)
    }
    facts = [json.loads(each["json"]) for each in samples(Path(overlay))]
    assert [each["index"] for each in facts] == list(range(10))
    assert np.array_equal(found["image 7"].numpy(), stored(overlay, "txt_emb.npy")[7])
    assert (Path(overlay) / "__meta__/plan.yaml").read_text().count(str(sd15_folder)) >= 1
