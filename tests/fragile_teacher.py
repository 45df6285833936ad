"""A user's own teacher, found by its dotted name: the closed-form one with the faults of real ones.

A prompt with "overflow" is not finite in half precision; one with "broken" never is. A batch
larger than `max_batch` does not fit into memory. `loads: false` cannot be loaded.
"""

from typing import Any

import torch
from torch import Tensor

from pairgen.errors import TeacherLoadError
from pairgen.sampling.conditioning import Conditioning
from pairgen.teachers import gaussian
from pairgen.teachers.base import Description

prompt_counter = gaussian.prompt_counter


def describe(*, location: str, max_batch: int, loads: bool = True) -> Description:
    return gaussian.describe(location=location)


def build(*, max_batch: int, loads: bool = True, dtype: torch.dtype, **options: Any) -> Any:
    if not loads:
        raise TeacherLoadError("These weights cannot be loaded.")
    return FragileTeacher(gaussian.build(dtype=dtype, **options), dtype, max_batch)


class FragileTeacher:
    def __init__(self, teacher: Any, dtype: torch.dtype, max_batch: int) -> None:
        self.teacher, self.dtype, self.max_batch = teacher, dtype, max_batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.teacher, name)

    def encode_prompts(self, prompts: list[str]) -> Conditioning:
        conditioning = self.teacher.encode_prompts(prompts)
        faults = [float("broken" in p) + 2 * float("overflow" in p) for p in prompts]
        return Conditioning({**conditioning.tensors, "fault": torch.tensor(faults)})

    def predict(
        self, x: Tensor, t: Tensor, conditioning: Conditioning, guidance: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        if len(x) > self.max_batch:
            raise torch.OutOfMemoryError("out of memory")
        tensors = dict(conditioning.tensors)
        fault = tensors.pop("fault")
        x0, eps = self.teacher.predict(x, t, Conditioning(tensors), guidance)
        bad = (fault == 1) | ((fault == 2) & (self.dtype != torch.float32))
        eps = torch.where(bad.view(-1, 1, 1, 1), torch.nan, eps)
        return torch.where(bad.view(-1, 1, 1, 1), torch.nan, x0), eps

    def to_dtype(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
