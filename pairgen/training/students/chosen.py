"""The kind of a student, by its type: the one place that decides."""

from pairgen.errors import ConfigError
from pairgen.kinds.image_student import model_of
from pairgen.methods.base import ImageStudent, Student
from pairgen.option_names import option_text
from pairgen.training.students.image_to_image import ImageToImage
from pairgen.training.students.kind import StudentKind, StudentRun
from pairgen.training.students.text_to_image import TextToImage


def kind_of(student: Student | ImageStudent, run: StudentRun) -> StudentKind:
    """Return the kind of a student, for its run.

    Raises:
        ConfigError: The method or the options say of an image-to-image student what does not fit
            its network: found here, before the training.
    """
    told = run.config.guidance_embedding
    if isinstance(student, ImageStudent):
        if told and not student.denoiser.guidance_dim:
            raise ConfigError(
                f"{option_text('guidance_embedding')} must be false: the network of "
                f"{run.config.method} takes no guidance scale."
            )
        model_of(student, run.teacher.negative)
        return ImageToImage(run, student)
    if told and not run.guidance_scales:
        raise ConfigError(
            f"{option_text('guidance_embedding')} must be false: the samples of the datasets have "
            "no guidance scale."
        )
    return TextToImage(run)
