"""`annotate --add segmentation` and `caption` by random models of SegFormer-B0's and BLIP's widths.

Every caption takes the largest number of tokens.
"""

import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    SegformerConfig,
    SegformerForSemanticSegmentation,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

import pairgen
from gpu_checks.peaks import timed
from gpu_checks.setting import Row, Setting, verdict
from pairgen.jobs.replay.run import run_replay
from pairgen.process_state import seeded
from pairgen.receipts import Manifest

BATCH, NUM_CLASSES, NUM_TOKENS = 16, 150, 20
# For --small: a tenth of the widths, and few layers.
SMALL_SEGFORMER = {"depths": [1] * 4, "hidden_sizes": [8, 8, 16, 16], "decoder_hidden_size": 16}
SMALL_BLIP = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}


def check(setting: Setting) -> Iterator[Row]:
    """Time each annotator, and make a sample again."""
    size, num = (32, 16) if setting.small else (512, 64)
    parent = str(setting.folder / "degraded")
    pairgen.degrade(
        scales="4",
        crop=size,
        samples_per_image=num // 4,
        samples_per_shard=num,
        executor="serial",
        out=parent,
    )
    yield from _annotated(setting, parent, num, "segmentation", write_segformer, {})
    yield from _annotated(
        setting, parent, num, "caption", write_blip, {"max_tokens": NUM_TOKENS, "beams": 3}
    )


def _annotated(
    setting: Setting,
    parent: str,
    num: int,
    name: str,
    write: Callable[[Path, Setting], None],
    own: dict[str, Any],
) -> Iterator[Row]:
    model = setting.folder / f"{name}-model"
    write(model, setting)
    made: list[Manifest] = []

    def command() -> None:
        options = {"add": name, "model": str(model), "batch_size": BATCH, "executor": "serial"}
        made.extend(pairgen.annotate(parent, **options, **own))

    seconds, peak = timed(command)
    told = ", ".join(f"{option} {value}" for option, value in own.items())
    yield Row(
        f"{name}, to the shard",
        num / seconds,
        "images/s",
        f"batches of {BATCH}, float32, start included; {told or 'HR'}; peak {peak:.2f} GiB",
        failed=not made[0].complete or made[0].num_samples != num,
    )
    overlay = f"{parent}.annotations/{name}"
    yield verdict(f"{name}: verify", pairgen.verify(overlay).clean)
    differences = run_replay(overlay, str(num - 1)).differences
    yield verdict(f"{name}: replay of a sample", not differences, "; ".join(differences))


@seeded(0)
def write_segformer(folder: Path, setting: Setting) -> None:
    """Write a SegformerForSemanticSegmentation of B0's widths."""
    classes = {i: f"class {i}" for i in range(NUM_CLASSES)}
    widths = SMALL_SEGFORMER if setting.small else {}
    config = SegformerConfig(id2label=classes, **widths)
    with torch.device(setting.device):
        SegformerForSemanticSegmentation(config).save_pretrained(folder)
    SegformerImageProcessorPil(size={"height": 512, "width": 512}).save_pretrained(folder)


@seeded(0)
def write_blip(folder: Path, setting: Setting) -> None:
    """Write a BlipForConditionalGeneration of the base widths, and a tokenizer of letters."""
    letters = string.ascii_lowercase
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{x}" for x in letters)]
    widths = SMALL_BLIP if setting.small else {}
    ids = {"bos_token_id": 2, "pad_token_id": 0, "eos_token_id": 3, "sep_token_id": 3}
    text = {**widths, **ids, "vocab_size": len(words)}
    vision = {**widths, "image_size": 384, "initializer_range": 0.02}
    if setting.small:
        text["encoder_hidden_size"] = widths["hidden_size"]
    config = BlipConfig(text_config=text, vision_config=vision)
    with torch.device(setting.device), torch.no_grad():
        network = BlipForConditionalGeneration(config)
        # No special token: a caption never ends early, and is never empty.
        network.text_decoder.cls.predictions.bias[: len(words) - 2 * len(letters)] = -1e4
    network.save_pretrained(folder)
    BlipImageProcessorPil().save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
