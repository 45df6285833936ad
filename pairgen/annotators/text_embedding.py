"""Embeddings of prompts by a model's text encoders: `txt_emb.npy`, for SDXL also `pooled_emb.npy`.

They are what the model's pipeline computes in float32, stored in float16. Each distinct prompt of a
set is encoded and stored once.
"""

from collections.abc import Sequence
from typing import Any

import torch

from pairgen import plugins
from pairgen.annotators._encoding import check_model, padded
from pairgen.annotators.base import Added, Annotate, Annotator, ParentSample, Setup
from pairgen.asked_model import Model
from pairgen.errors import ConfigError
from pairgen.option_names import option_text
from pairgen.options import Options
from pairgen.signature import takes
from pairgen.teachers.base import Teacher

TEXT = "txt"


class TextEmbeddingOptions(Options):
    """Options of `text_embedding`."""

    command = "the text_embedding annotator"


OPTIONS = TextEmbeddingOptions


@takes(OPTIONS)
def build(*, setup: Setup, **options: Any) -> Annotator:
    """Build the annotator.

    Args:
        setup: What it works on; it needs a model.
        **options: The options.
    """
    OPTIONS(**options)
    if TEXT not in setup.members:
        raise ConfigError(f"The set has no {TEXT}, so it has no prompts to embed.")
    model = check_model(setup.model)
    described = plugins.call("teachers", model.module, "describe", **model.where)
    if not described.embedding_shapes:
        raise ConfigError(
            f"{option_text('model', 'pairgen annotate')} must have text encoders; {model.name} has "
            "none."
        )
    return Annotator(
        reads=(TEXT,),
        adds={
            f"{name}.npy": {"dtype": "float16", "shape": list(shape)}
            for name, shape in described.embedding_shapes.items()
        },
        open=lambda device: _open(model, device, setup.batch_size),
        model=model,
        identity=described.identity,
        distinct=TEXT,
    )


def _open(model: Model, device: torch.device, batch_size: int) -> Annotate:
    teacher: Teacher = plugins.build(
        "teachers",
        model.module,
        with_network=False,
        device=device,
        dtype=torch.float32,
        negative_prompt="",
        **model.where,
    )

    # Loads the text encoders now, so that memory that runs short is noticed before any sample.
    _ = teacher.negative

    def annotate(samples: Sequence[ParentSample]) -> list[Added]:
        texts = padded([sample.fields[TEXT] for sample in samples], batch_size)
        encoded = teacher.encode_prompts(texts)[: len(samples)].tensors
        stored = {f"{name}.npy": each.to(torch.float16).cpu() for name, each in encoded.items()}
        return [
            Added({name: each[row].numpy() for name, each in stored.items()})
            for row in range(len(samples))
        ]

    return annotate
