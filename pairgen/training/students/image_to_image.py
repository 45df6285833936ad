"""Students that make images from images: between what they are given and what they should make."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pairgen.kinds.encoded import Encoded, encode_distinct
from pairgen.kinds.image_pairs import ImagePairs, check_members, read_image_pairs
from pairgen.kinds.image_pictures import encoded_pictures, enlarged_pictures
from pairgen.kinds.image_student import model_of
from pairgen.methods.base import ImageStudent
from pairgen.shards.format.where import parse_where
from pairgen.shards.loading.training_set import TrainingSet, open_set
from pairgen.training.students.image_usage import usage_text
from pairgen.training.students.kind import StudentRun
from pairgen.training.students.shown_file import (
    VALIDATION_FILE,
    load_shown_file,
    save_shown_file,
)
from pairgen.wording import HELD_OUT, command_text

BATCH_SIZE = 16
# Of `Shown`, in the file.
ARRAYS = ("indices", "given", "targets")


@dataclass(frozen=True)
class Shown:
    """What every grid of a run shows: the first samples of its first dataset.

    Attributes:
        indices: Number of each sample in its dataset, for its noises, [N] int64.
        prompts: Prompts, N.
        given: The given images, [N, h, w, C], see `ImagePairs`.
        targets: The images to make, [N, H, W, 3] uint8.
    """

    indices: np.ndarray
    prompts: tuple[str, ...]
    given: np.ndarray
    targets: np.ndarray


@dataclass(frozen=True)
class ImageToImage:
    """A student that makes images from images, see `pairgen.training.students.kind`.

    Its grids show samples of the training data, the first of the first dataset, as whole images:
    they show what the student learns, and `pairgen eval` judges it by images that it has not seen.

    Attributes:
        run: Its run.
        student: The method's student, whose recipe says what is read.
    """

    run: StudentRun
    student: ImageStudent

    @property
    def announcement(self) -> str:
        """What the user is told before the data are read."""
        num = self.run.config.num_grid_prompts
        return (
            f"Validation grids show the first samples of {self.run.config.data[0]}, {num} at most."
        )

    @property
    def next_command(self) -> str:
        """The command that judges the student."""
        return command_text("pairgen", "eval", self.run.folder, "--data", HELD_OUT)

    def find_shown(self) -> tuple[Shown, Encoded]:
        """Return the samples and their prompts, which are encoded: no grid needs text encoders.

        The samples are those that were saved in the run's folder, else read now and saved there.

        Raises:
            ConfigError: The dataset lacks a member, or its sizes do not fit.
            CorruptShardError: A shard is missing, or does not match its receipt.
        """
        shown = load_shown(self.run.folder / VALIDATION_FILE) or self._read_shown()
        distinct = list(dict.fromkeys(shown.prompts))
        return shown, encode_distinct(self.run.teacher, distinct, BATCH_SIZE, False)

    def _read_shown(self) -> Shown:
        """Read the samples, and save them."""
        config = self.run.config
        where = parse_where(config.where) if config.where else None
        members = self.student.recipe.members
        found = open_set(TrainingSet(config.data[0]), where, config.skip_bad, members)
        check_members(found, self.student.recipe)
        pairs = read_image_pairs(found, self.student.recipe, config.num_grid_prompts)
        shown = _shown(pairs)
        save_shown(shown, self.run.folder / VALIDATION_FILE)
        return shown

    def grid_rows(
        self, student: ImageStudent, found: tuple[Shown, Encoded]
    ) -> Sequence[np.ndarray]:
        """Return a row for each sample: the given image enlarged, the student's, the target."""
        (shown, encoded), teacher = found, self.run.teacher
        made = encoded_pictures(
            model_of(student, teacher.negative),
            encoded,
            teacher.device,
            shown.given,
            shown.prompts,
            self.run.config.seed,
            shown.indices.tolist(),
            BATCH_SIZE,
        )
        given = enlarged_pictures(shown.given, student.recipe.scale)
        return list(np.stack([given, np.concatenate(list(made)), shown.targets], axis=1))

    def model_facts(self, student: ImageStudent) -> dict[str, Any]:
        """Return how the student steps, and what it does with an image."""
        return {"sampling": {"cfg": 1, **student.sampling}, "image": asdict(student.recipe)}

    def usage(self, student: ImageStudent) -> str:
        """Return what the student does, and how to run it by diffusers."""
        return usage_text(student, self.run.module)


def save_shown(shown: Shown, path: Path) -> None:
    """Save what the grids show, so that a resumed run shows the same."""
    arrays = {name: getattr(shown, name) for name in ARRAYS}
    save_shown_file(path, shown.prompts, arrays)


def load_shown(path: Path) -> Shown | None:
    """Load data written by `save_shown`; None if there are none that can be read."""
    found = load_shown_file(path, ARRAYS)
    return None if found is None else Shown(prompts=found[0], **found[1])


def _shown(pairs: ImagePairs) -> Shown:
    return Shown(
        indices=np.array([int(key) for key in pairs.keys], np.int64),
        prompts=pairs.prompts,
        given=pairs.given,
        targets=pairs.targets,
    )
