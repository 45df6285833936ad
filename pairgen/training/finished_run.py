"""A finished run as the frozen teacher of another: its average, or its last weights."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from pairgen import plugins
from pairgen.config import choice
from pairgen.errors import ConfigError
from pairgen.methods.base import RUN_WEIGHTS
from pairgen.model_config import MODEL_FILE, find_model
from pairgen.sampling.parameterization import Schedule
from pairgen.teachers.base import Denoiser, Description
from pairgen.types import canonical_json

# Weights of the exported network without averaging, as far as they differ.
LAST_WEIGHTS_FILE = "last.safetensors"


def load_run(folder: str, weights: str, device: torch.device) -> tuple[Denoiser, str]:
    """Load the network of a finished run, frozen; return it and the SHA-256 of what it is.

    Args:
        folder: The run's folder.
        weights: `average` for the weights of the exported student, `last` for those after the last
            step; they are the same if the run kept no moving average.
        device: Device that it runs on.

    Raises:
        ConfigError: The folder holds no finished run, or its last weights cannot be read.
        TeacherLoadError: The weights of its student are missing, incomplete or broken.
    """
    choice("weights", weights, RUN_WEIGHTS)
    if not (Path(folder) / MODEL_FILE).is_file():
        raise ConfigError(f"{folder} is not a finished run of pairgen train.")
    # By its path: a packaged model may have the same name.
    model = find_model(str(Path(folder).absolute()))
    denoiser: Denoiser = plugins.call(
        "teachers",
        model.teacher,
        "build_denoiser",
        device=device,
        location=model.location,
        guidance_embedding=False,
        **model.options,
    )
    described: Description = plugins.call(
        "teachers", model.teacher, "describe", location=model.location, **model.options
    )
    sha256 = hashlib.sha256(canonical_json(dict(described.identity)).encode())
    path = Path(folder) / LAST_WEIGHTS_FILE
    if weights == "last" and path.is_file():
        try:
            sha256.update(path.read_bytes())
            denoiser.network.load_state_dict(load_file(path, device=str(device)))
        except (OSError, RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())[:200].rstrip(".")
            raise ConfigError(f"{path} cannot be read: {reason}.") from None
    denoiser.network.requires_grad_(False)
    return denoiser, sha256.hexdigest()


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
    other = denoiser.schedule
    same = other.num_train_steps == schedule.num_train_steps
    if same:
        t = torch.linspace(schedule.first_time, schedule.last_time, 16, dtype=torch.float64)
        same = torch.allclose(other.alpha_sigma(t)[0].cpu(), schedule.alpha_sigma(t)[0].cpu())
    what = "" if same else "the noise schedule"
    model = find_model(str(Path(folder).absolute()))
    vaes = [
        (model.teacher, {"location": model.location, **model.options}),
        (start["module"], {"location": start["location"], **start["options"]}),
    ]
    if not what and not _encode_alike(vaes):
        what = "the VAE"
    if what:
        raise ConfigError(
            f"{folder} must come from the model {start['name']}: {what} of its student is another."
        )


def _encode_alike(vaes: list[tuple[str, dict[str, Any]]]) -> bool:
    """Whether two VAEs, each a module and its options, have the same latents of an image."""
    described = [
        plugins.call("teachers", name, "describe_decoder", **given) for name, given in vaes
    ]
    if described[0].identity == described[1].identity:
        return True
    if described[0].latent_shape[0] != described[1].latent_shape[0]:
        return False
    latents = []
    for name, given in vaes:
        vae = plugins.call("teachers", name, "build_autoencoder", device="cpu", **given)
        side = 8 * vae.factor
        image = torch.linspace(-1, 1, 3 * side**2).reshape(1, 3, side, side)
        with torch.no_grad():
            latents.append(vae.encode(image))
    one, other = latents
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-3, atol=1e-3)
