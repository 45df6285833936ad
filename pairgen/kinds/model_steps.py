"""A model that takes another number of steps than its file says."""

from dataclasses import replace

from pairgen.errors import ConfigError
from pairgen.model_config import ModelConfig
from pairgen.sampling.names import named_times


def with_steps(model: ModelConfig, steps: int, given: str = "steps") -> ModelConfig:
    """Return a model that takes another number of steps; its own for 0.

    Args:
        model: The model.
        steps: The number.
        given: How it was given, for messages.

    Raises:
        ConfigError: The times of its steps are fixed.
    """
    own = model.sampling.get("steps")
    if not steps or steps == own:
        return model
    if named_times(str(model.sampling.get("spacing", ""))):
        raise ConfigError(
            f"{given} must be left out: {model.name} takes {own} at times that it was trained for, "
            f"got {steps}."
        )
    return replace(model, sampling={**model.sampling, "steps": steps})
