"""Load an exported image student, and check that its parts fit each other."""

import torch

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.image_recipe import ImageRecipe
from pairgen.kinds.image_sampling import read_image_sampling
from pairgen.kinds.image_student import ImageModel, check_inputs
from pairgen.model_config import ModelConfig
from pairgen.teachers.base import Autoencoder, Description, Teacher


def check_image_model(model: ModelConfig) -> Description:
    """Check an image student without loading its weights; return the description of its network.

    Raises:
        ConfigError: Its sampling or recipe does not fit its network, or it has no VAE to load.
    """
    recipe = recipe_of(model)
    described: Description = plugins.call(
        "teachers", model.teacher, "describe", location=model.location, **model.options
    )
    read_image_sampling(model.sampling, model.name).grid(described.schedule)
    taken = (described.image_channels, described.condition_channels)
    check_inputs(model.name, recipe, *taken)
    if not hasattr(plugins.load("teachers", model.teacher), "build_autoencoder"):
        raise ConfigError(
            f"{model.name} cannot encode images: its teacher {model.teacher!r} defines no "
            "build_autoencoder."
        )
    return described


def recipe_of(model: ModelConfig) -> ImageRecipe:
    """Return the recipe of an image student.

    Raises:
        ConfigError: The model makes images from text.
        TeacherLoadError: It is no model at all.
    """
    if model.image is None:
        # Of a folder without a model, this says so.
        plugins.call(
            "teachers", model.teacher, "describe", location=model.location, **model.options
        )
        raise ConfigError(f"{model.name} makes images from text, not from images.")
    return model.image


def load_image_model(
    model: ModelConfig, dtype: torch.dtype, device: torch.device, negative_prompt: str = ""
) -> tuple[ImageModel, Teacher]:
    """Load an image student; return it with the model that encodes its prompts.

    Args:
        model: The student.
        dtype: Precision of its network; the VAE stays in float32.
        device: Device that it runs on.
        negative_prompt: The negative prompt, for guidance.

    Raises:
        TeacherLoadError: Its weights are missing, incomplete or broken.
        ConfigError: See `check_image_model`.
    """
    where = {"location": model.location, **model.options}
    frozen = {"device": device, "dtype": dtype, "negative_prompt": negative_prompt}
    teacher: Teacher = plugins.build("teachers", model.teacher, **where, **frozen)
    autoencoder: Autoencoder = plugins.call(
        "teachers", model.teacher, "build_autoencoder", device=device, **where
    )
    found = ImageModel(
        predict=teacher.predict,
        schedule=teacher.schedule,
        autoencoder=autoencoder,
        recipe=recipe_of(model),
        sampling=read_image_sampling(model.sampling, model.name),
    )
    return found, teacher
