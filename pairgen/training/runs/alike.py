"""Whether two models have the same noise levels and the same latents of an image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.model_config import ModelConfig, find_model
from pairgen.sampling.parameterization import Schedule
from pairgen.teachers.base import Denoiser, Teacher


def check_alike(
    folder: str, denoiser: Denoiser, start: Mapping[str, Any], schedule: Schedule
) -> None:
    """Check that a run's network knows the noise levels and the latents of a training's model.

    Args:
        folder: The run's folder.
        denoiser: Its network, as `load_run` returns it.
        start: Name, module, location and options of the model, as `find_start` returns them.
        schedule: The model's.

    Raises:
        ConfigError: It has another schedule, or its VAE encodes otherwise. A tuned decoder makes no
            difference.
    """
    own = start_of(find_model(str(Path(folder).absolute())))
    _refuse(folder, start, _difference(own, start, (denoiser.schedule, schedule)))


def check_models_alike(folder: str, own: Mapping[str, Any], start: Mapping[str, Any]) -> None:
    """Check the same of two models, the first of a run that may not be trained yet.

    Args:
        folder: The run's folder.
        own: The run's model, as `find_start` returns it.
        start: The model of the training.

    Raises:
        ConfigError: They are not alike.
    """
    if all(own[name] == start[name] for name in ("module", "location", "options")):
        return
    _refuse(folder, start, _difference(own, start, (_schedule(own), _schedule(start))))


def start_of(model: ModelConfig) -> dict[str, Any]:
    """Return name, module, location and options of a model."""
    return {
        "name": model.name,
        "module": model.teacher,
        "location": model.location,
        "options": dict(model.options),
    }


def _refuse(folder: str, start: Mapping[str, Any], what: str) -> None:
    if what:
        raise ConfigError(
            f"{folder} must come from the model {start['name']}: {what} of its student is another."
        )


def _difference(
    one: Mapping[str, Any], other: Mapping[str, Any], schedules: tuple[Schedule, Schedule]
) -> str:
    """Return what of two models is not alike; empty for nothing."""
    if not _same_levels(*schedules):
        return "the noise schedule"
    return "" if encode_alike(one, other) else "the VAE"


def _same_levels(one: Schedule, other: Schedule) -> bool:
    if one.num_train_steps != other.num_train_steps:
        return False
    t = torch.linspace(other.first_time, other.last_time, 16, dtype=torch.float64)
    return torch.allclose(one.alpha_sigma(t)[0].cpu(), other.alpha_sigma(t)[0].cpu())


def encode_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether the VAEs of two models have the same latents of an image; a decoder may be tuned.

    They are loaded only if they are not known to be the same.

    Args:
        one: Module, location and options of a model.
        other: Those of the other.

    Raises:
        TeacherLoadError: A VAE is missing, incomplete or broken.
    """
    vaes = [(each["module"], _where(each)) for each in (one, other)]
    described = [
        plugins.call("teachers", name, "describe_decoder", **given) for name, given in vaes
    ]
    if described[0].identity == described[1].identity:
        return True
    shapes = [each.latent_shape for each in described]
    if None in shapes or shapes[0][0] != shapes[1][0]:
        return False
    latents = []
    for name, given in vaes:
        vae = plugins.call("teachers", name, "build_autoencoder", device="cpu", **given)
        side = 8 * vae.factor
        image = torch.linspace(-1, 1, 3 * side**2).reshape(1, 3, side, side)
        with torch.no_grad():
            latents.append(vae.encode(image))
    first, second = latents
    return first.shape == second.shape and torch.allclose(first, second, rtol=1e-3, atol=1e-3)


def _schedule(start: Mapping[str, Any]) -> Schedule:
    teacher: Teacher = plugins.build(
        "teachers",
        start["module"],
        with_network=False,
        device=torch.device("cpu"),
        dtype=torch.float32,
        negative_prompt="",
        **_where(start),
    )
    return teacher.schedule


def _where(start: Mapping[str, Any]) -> dict[str, Any]:
    return {"location": start["location"], **start["options"]}
