"""Check a run's options against its teacher's conditioning, before any slot is numbered."""

from collections.abc import Callable, Sequence
from typing import Any

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.kinds.ode.options import OdeConfig
from pairgen.model_config import ModelConfig
from pairgen.option_names import option_text
from pairgen.teachers.base import Description

# Returns, for each prompt, the reason to reject it, or None.
Refuse = Callable[[Sequence[str]], list[str | None]]


def teacher_options(revision: str, model: ModelConfig) -> dict[str, Any]:
    """Return the arguments of a teacher's `describe` and `prompt_counter`."""
    own = {"revision": revision} if revision else {}
    return {"location": model.location, **model.options, **own}


def check_conditioning(config: OdeConfig, model: ModelConfig, description: Description) -> None:
    """Check that the teacher can be conditioned as the options ask.

    Raises:
        ConfigError: The model makes images from images, a student was not trained on the requested
            guidance scales, the teacher cannot be guided, the negative prompt is not a
            label of a teacher with classes, or there are no embeddings to store.
    """
    _check_from_text(model, description)
    _check_learned(config, model)
    labels = description.labels
    if not description.guidable and set(config.cfg) != {1.0}:
        why = "is unconditional" if labels is None else "has no null_label in its options"
        raise ConfigError(
            f"{option_text('cfg')} must be 1, because {model.name} {why} and so cannot be guided, "
            f"got {', '.join(f'{scale:g}' for scale in config.cfg)}."
        )
    if labels is not None and config.negative_prompt:
        try:
            labels.class_of(config.negative_prompt)
        except ConfigError as error:
            raise ConfigError(f"{option_text('negative_prompt')} is wrong: {error}") from None
    if config.store_embeddings and not description.embedding_shapes:
        raise ConfigError(
            f"{option_text('store_embeddings')} must be false: {model.name} has no prompt "
            "embeddings."
        )


def _check_from_text(model: ModelConfig, description: Description) -> None:
    """Refuse a model that makes images from images."""
    if model.image is not None:
        does = f"{model.name} makes them from images ({model.image})"
    elif description.image_channels:
        does = (
            f"the network of {model.name} also takes an image latent of "
            f"{description.image_channels} channels"
        )
    else:
        return
    raise ConfigError(f"{option_text('model')} must make images from text alone, but {does}.")


def _check_learned(config: OdeConfig, model: ModelConfig) -> None:
    """Refuse guidance scales that a student was not trained on."""
    learned = model.student
    if learned is None:
        return
    asked = ", ".join(f"{scale:g}" for scale in config.cfg)
    if not learned.told and set(config.cfg) != {1.0}:
        raise ConfigError(
            f"{option_text('cfg')} must be left out (1): {model.name} is a student with guidance "
            f"{learned.scales_told} built into its weights, got {asked}."
        )
    if learned.told and not all(map(learned.covers, config.cfg)):
        low, high = learned.guidance_scales[0], learned.guidance_scales[-1]
        raise ConfigError(
            f"{option_text('cfg')} must be in [{low:g}, {high:g}]: {model.name} is a student that "
            f"was trained on guidance {learned.scales_told}, got {asked}."
        )


def refuse_prompts(
    config: OdeConfig, model: ModelConfig, description: Description
) -> Refuse | None:
    """Return a function that finds the prompts to reject; None if none are rejected.

    A teacher with classes takes labels only. Any other teacher truncates long prompts unless the
    options reject them; counting their tokens loads the tokenizer, not the weights.
    """
    if description.labels is not None:
        return description.labels.refuse
    return _refuse_long(config, model) if config.long_prompts == "reject" else None


def cut_negative_prompt(config: OdeConfig, model: ModelConfig, description: Description) -> str:
    """Return how many tokens of the negative prompt the teacher reads; empty if it reads all.

    Raises:
        ConfigError: It does not, and the options reject long prompts.
    """
    if not config.negative_prompt or description.labels is not None:
        return ""
    (reason,) = _refuse_long(config, model)([config.negative_prompt])
    if reason is None:
        return ""
    if config.long_prompts == "reject":
        raise ConfigError(f"{option_text('negative_prompt')} has {reason}: shorten it.")
    return reason


def _refuse_long(config: OdeConfig, model: ModelConfig) -> Refuse:
    count_tokens, max_tokens = plugins.call(
        "teachers", model.teacher, "prompt_counter", **teacher_options(config.revision, model)
    )

    def refuse(prompts: Sequence[str]) -> list[str | None]:
        return [
            f"{count} tokens, the teacher reads {max_tokens}" if count > max_tokens else None
            for count in count_tokens(prompts)
        ]

    return refuse
