"""Distinct prompts, encoded once each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pairgen.sampling.conditioning import Conditioning
from pairgen.teachers.base import Teacher


@dataclass(frozen=True)
class Encoded:
    """Distinct prompts, encoded once each.

    Attributes:
        conditioning: One row for each distinct prompt, on the device.
        rows: Mapping from each prompt to its row.
        truncated: Prompts that exceed the teacher's limit.
        stored: Mapping from member to array [N, ...] of the embeddings to store; may be empty.
        classes: Mapping from label to class, as digits, for a teacher with classes; else empty.
    """

    conditioning: Conditioning
    rows: Mapping[str, int]
    truncated: frozenset[str]
    stored: Mapping[str, np.ndarray]
    classes: Mapping[str, str]


def encode_distinct(
    teacher: Teacher, texts: Sequence[str], batch_size: int, keep_embeddings: bool
) -> Encoded:
    """Encode each distinct prompt once, in batches of one fixed shape.

    The last batch is padded with its last prompt: equal shapes mean equal kernels and equal bits.
    """
    parts = []
    for first in range(0, len(texts), batch_size):
        part = list(texts[first : first + batch_size])
        padded = part + part[-1:] * (batch_size - len(part))
        parts.append(teacher.encode_prompts(padded)[: len(part)])
    conditioning = Conditioning.cat(parts)
    counts = teacher.count_tokens(texts)
    too_long = (t for t, n in zip(texts, counts, strict=True) if n > teacher.max_prompt_tokens)
    stored = {}
    if keep_embeddings:
        for name, tensor in conditioning.tensors.items():
            stored[f"{name}.npy"] = tensor.to(torch.float16).cpu().numpy()
    labels = conditioning.tensors.get("class_labels")
    classes = {} if labels is None else dict(zip(texts, map(str, labels.tolist()), strict=True))
    return Encoded(
        conditioning=conditioning,
        rows={text: row for row, text in enumerate(texts)},
        truncated=frozenset(too_long),
        stored=stored,
        classes=classes,
    )
