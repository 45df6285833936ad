"""The kind of a student, by its type: the one place that decides."""

from pairgen.methods.base import ImageStudent, Student
from pairgen.training.students.image_to_image import ImageToImage
from pairgen.training.students.kind import StudentKind, StudentRun
from pairgen.training.students.text_to_image import TextToImage


def kind_of(student: Student | ImageStudent, run: StudentRun) -> StudentKind:
    """Return the kind of a student, for its run."""
    return ImageToImage(run, student) if isinstance(student, ImageStudent) else TextToImage(run)
