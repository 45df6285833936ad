"""The game of a student of a few steps against light heads, for LADD and ADD alike."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from torch import nn

from pairgen.methods._few_steps.options import FewStepOptions
from pairgen.methods._few_steps.student import FewStepStudent
from pairgen.methods.base import STUDENT, Student

DISCRIMINATOR = "discriminator"


class Discriminator(Protocol):
    """Heads on frozen features."""

    @property
    def heads(self) -> nn.Module:
        """What is trained."""
        ...


class FewStepGame:
    """Who plays, and when.

    Attributes:
        facts: Columns of the index that the method needs.
        options: The options of the method.
    """

    facts: Sequence[str] = ()
    options: FewStepOptions
    _student: FewStepStudent
    _discriminator: Discriminator

    def players(self) -> Mapping[str, nn.Module]:
        """Return the heads, and the student, whose graph is larger."""
        student: Any = self._student.denoiser
        return {DISCRIMINATOR: self._discriminator.heads, STUDENT: student}

    def rounds(self, step: int) -> Sequence[Sequence[str]]:
        """Return rounds of the discriminator alone, then one of both."""
        del step
        alone = ((DISCRIMINATOR,),) * (self.options.discriminator_updates - 1)
        return (*alone, (DISCRIMINATOR, STUDENT))

    def after_step(self, step: int) -> None:
        """Do nothing."""
        del step

    def kept(self) -> Mapping[str, nn.Module]:
        """Return nothing."""
        return {}

    def student(self) -> Student:
        """Return the student: a few steps from noise."""
        return self._student.student()
