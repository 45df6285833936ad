"""Students that make images from text: beside their teacher, from the same prompts and noises."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pairgen.methods.base import Student
from pairgen.model_config import model_names
from pairgen.sampling.conditioning import Conditioning
from pairgen.training.students.kind import StudentRun
from pairgen.training.students.shown_file import VALIDATION_FILE
from pairgen.training.students.teacher_pictures import (
    Validation,
    encode_shown,
    find_validation,
    student_pictures,
)
from pairgen.wording import command_text


@dataclass(frozen=True)
class Shown:
    """What every grid of a run shows.

    Attributes:
        validation: Prompts, noises and the teacher's images.
        conditioning: The conditioning of the prompts: no grid needs the text encoders.
    """

    validation: Validation
    conditioning: Conditioning


@dataclass(frozen=True)
class TextToImage:
    """A student that makes images from text, see `pairgen.training.students.kind`.

    Attributes:
        run: Its run.
    """

    run: StudentRun

    @property
    def announcement(self) -> str:
        """What the user is told before the teacher is sampled."""
        num = self.run.config.num_grid_prompts
        return f"Sampling the teacher for {num} validation prompts."

    @property
    def next_command(self) -> str:
        """The command that samples the student."""
        folder = str(self.run.folder)
        # Of two equal names, a packaged model comes before a folder.
        place = f"./{folder}" if folder in model_names() else folder
        return command_text("pairgen", "sample", "--model", place)

    def find_shown(self) -> Shown | None:
        """Return what the grids show; None for data without prompts."""
        config = self.run.config
        found = find_validation(
            config.data[0],
            config.num_grid_prompts,
            self.run.guidance_scales,
            self.run.folder / VALIDATION_FILE,
            self.run.teacher.device,
        )
        if found is None:
            return None
        return Shown(found, encode_shown(self.run.teacher, found.prompts))

    def grid_rows(self, student: Student, shown: Shown) -> Sequence[np.ndarray]:
        """Return the teacher's images, and the student's of the same prompts and noises."""
        told, teacher = self.run.config.guidance_embedding, self.run.teacher
        given = (shown.validation, shown.conditioning, told)
        return [shown.validation.pictures, student_pictures(student, teacher, *given)]

    def model_facts(self, student: Student) -> dict[str, Any]:
        """Return how the student is sampled, and the guidance that it has learned."""
        told, scales = self.run.config.guidance_embedding, list(self.run.guidance_scales)
        return {
            # Otherwise such a student would get `pairgen ode`'s default scale, perhaps never
            # learned.
            "sampling": {**student.sampling, "cfg": scales[-1] if told and scales else 1},
            **({"student": {"guidance_scales": scales, "told": told}} if scales else {}),
        }

    def usage(self, student: Student) -> str:
        """Return how to sample it, by pairgen and by diffusers."""
        num = student.num_evaluations
        times = "1 evaluation" if num == 1 else f"{num} evaluations"
        scale = self.run.guidance_scales[-1] if self.run.config.guidance_embedding else 1
        return f"""\
A student that generates an image in {times} of its network, trained with pairgen. To sample from
it, run `pairgen sample --model .` in this folder. `student/` is a diffusers folder; a student that
predicts x0 or eps runs there in {"one step" if num == 1 else f"{num} steps"}:

```python
from diffusers import StableDiffusionPipeline

pipeline = StableDiffusionPipeline.from_pretrained("student", safety_checker=None)
image = pipeline("a prompt", num_inference_steps={num}, guidance_scale={scale:g}).images[0]
```
"""
