"""The options of `pairgen sample` for a model that makes images from pictures."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pairgen.errors import ConfigError
from pairgen.kinds.image_model import check_image_model, recipe_of
from pairgen.kinds.image_sampling import ImageSampling
from pairgen.kinds.model_steps import with_steps
from pairgen.kinds.ode.sample_options import SampleConfig
from pairgen.kinds.usual_dtype import usual_dtype
from pairgen.model_config import ModelConfig, defaults_of
from pairgen.option_names import option_text
from pairgen.resolution import Sources
from pairgen.teachers.base import Description

# Options about prompts, and of teachers, that such a model does not have.
OF_TEXT = ("dedupe", "shuffle", "revision", "lora")


@dataclass(frozen=True)
class AskedImages:
    """What is asked.

    Attributes:
        config: The options, with those of the model filled in.
        model: The model, which steps as they say, at the first guidance scale.
        described: The description of its network.
    """

    config: SampleConfig
    model: ModelConfig
    described: Description

    def at(self, guidance_scale: float) -> ImageSampling:
        """Return how the model steps at a guidance scale."""
        return ImageSampling(**_sampling(self.config, guidance_scale))


def read_asked(sources: Sources[SampleConfig], model: ModelConfig) -> AskedImages:
    """Fill in the options of a model.

    Args:
        sources: The options that were given.
        model: The model, which makes images from pictures.

    Raises:
        ConfigError: An option is not for such a model, is missing, or does not fit it.
    """
    recipe, given = recipe_of(model), {name for layer in sources.layers for name in layer.values}
    if not sources["condition"]:
        raise ConfigError(
            f"{option_text('condition')} must be given, such as pictures/: {model.name} makes "
            f"images from pictures ({recipe})."
        )
    for name in OF_TEXT:
        if sources[name]:
            raise ConfigError(
                f"{option_text(name)} must be left out: {model.name} makes images from pictures "
                f"({recipe})."
            )
    if sources["masks"] and not recipe.mask:
        raise ConfigError(
            f"{option_text('masks')} must be left out: {model.name} paints no part of a picture "
            f"({recipe})."
        )
    if "steps" in given and "spacing" not in given:
        model = with_steps(model, sources["steps"])
    # Where its file names no guidance it has none, unlike a teacher.
    sources = sources.below(f"model {model.name}", {"cfg": 1.0, **model.sampling})
    config, defaults = sources.resolved().options, defaults_of(model)
    filled = {
        "dtype": config.dtype or usual_dtype(defaults.dtype),
        "batch_size": config.batch_size or defaults.batch_size,
    }
    config = config.model_copy(update=filled)
    model = replace(model, sampling=_sampling(config, config.cfg[0]))
    return AskedImages(config, model, check_image_model(model))


def _sampling(config: SampleConfig, guidance_scale: float) -> Mapping[str, Any]:
    """Return the section `sampling` of a model file that steps as the options say."""
    return {
        "steps": config.steps,
        "solver": config.solver,
        "spacing": config.spacing,
        "end": config.end,
        "cfg": guidance_scale,
    }
