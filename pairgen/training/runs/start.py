"""The start of a training: the model of the student, and the inputs of the method."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.methods.base import Setup
from pairgen.model_config import find_model, license_of
from pairgen.networks.lpips_file import hash_lpips, vae_of
from pairgen.option_names import option_text
from pairgen.resolution import Sources, sources_of
from pairgen.sampling.conditioning import SUM
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.format.subsets import set_addresses
from pairgen.shards.storage.store import open_store
from pairgen.teachers.base import Autoencoder, Denoiser
from pairgen.training.config import check_method_options, with_recipe
from pairgen.training.data.offered import OfferedSet, plans_with
from pairgen.training.options import TrainConfig
from pairgen.training.runs.alike import check_alike, start_of
from pairgen.training.runs.finished_run import load_run
from pairgen.training.runs.frozen import find_features, find_perceptual
from pairgen.training.runs.run_folder import remembered
from pairgen.types import Plan, canonical_json
from pairgen.vision.model import VisionModel


@dataclass(frozen=True, kw_only=True)
class Run:
    """The request of a training.

    Attributes:
        config: The options; those that were left out come from the run's folder or the recipe.
        plans: The plans of the datasets.
        start: Name, module, location and options of the model that the student starts from.
        model_license: License of that model's weights; empty if it is not known.
        folder: The folder of the run.
    """

    config: TrainConfig
    plans: tuple[Plan, ...]
    start: Mapping[str, Any]
    model_license: str
    folder: Path


def resolve_run(given: Mapping[str, Any]) -> Run:
    """Resolve the options of a training, and find its data, model and folder.

    Raises:
        ConfigError: An option is invalid, a dataset cannot be read, there is no such model, or the
            folder holds a run of another method.
    """
    sources = sources_of(TrainConfig, given)

    def below(folder: Path) -> Sources[TrainConfig]:
        before = remembered(folder, sources["method"], sources["resume"])
        return sources.below(f"run {folder}", before)

    # A resumed run remembers its datasets too.
    config = with_recipe(below(Path(sources["out"])) if sources["out"] else sources)
    # From here on, the sub-sets of a folder are datasets like any others.
    data = tuple(address for url in config.data for address in set_addresses(url))
    config = config.model_copy(update={"data": data})
    plans = tuple(read_plan(open_store(url)) for url in data)
    start = find_start(config, plans[0])
    folder = Path(config.out or f"runs/{config.method}-{start['name']}")
    if not config.out:
        config = with_recipe(below(folder)).model_copy(update={"data": data})
    own = find_model(config.model).license if config.model else ""
    return Run(
        config=config,
        plans=plans,
        start=start,
        model_license=own or license_of(start["location"]),
        folder=folder,
    )


def find_start(config: TrainConfig, plan: Plan) -> dict[str, Any]:
    """Return name, module, location and options of the model, by default the dataset's teacher.

    Raises:
        ConfigError: There is no such model, or none was given for a dataset without a teacher.
    """
    if not config.model:
        if not plan.teacher:
            raise ConfigError(
                f"{option_text('model')} must be given: the dataset {config.data[0]}, of kind "
                f"{plan.kind!r}, has no teacher."
            )
        return {key: plan.teacher[key] for key in ("name", "module", "location", "options")}
    return start_of(find_model(config.model))


def check_trainable(start: Mapping[str, Any]) -> None:
    """Check that a student can start from a model.

    Args:
        start: The return value of `find_start`.

    Raises:
        ConfigError: The model has no network that can be trained.
    """
    if not hasattr(plugins.load("teachers", start["module"]), "build_denoiser"):
        raise ConfigError(
            f"{option_text('model')} must have a trainable network, got {start['name']!r}: its "
            f"teacher {start['module']!r} defines no build_denoiser."
        )


def resolve_method_options(config: TrainConfig) -> TrainConfig:
    """Check the names of the method's options, and fill in its own defaults.

    This runs before anything is loaded. Every name that is not an option of the run is taken as an
    option of the method.

    Raises:
        ConfigError: There is no such method, or it has no such option.
    """
    declared = plugins.declared_options("methods", config.method)
    taken = plugins.option_names("methods", config.method)
    if declared is not None:
        known = list(declared.model_fields)
    elif taken is not None:
        known = [name for name in taken if name != "setup"]
    else:
        return config
    check_method_options(f"The method {config.method!r}", config.options, known)
    if declared is not None:
        options = declared(**config.options).plain()
    else:
        options = {**plugins.option_defaults("methods", config.method), **config.options}
    return config.model_copy(update={"options": options})


def make_setup(
    config: TrainConfig,
    plans: tuple[Plan, ...],
    start: Mapping[str, Any],
    device: torch.device,
    num_processes: int,
    say: Callable[[str], None],
    members: Mapping[str, Any] = MappingProxyType({}),
    sets: Sequence[OfferedSet] = (),
) -> Setup:
    """Return the inputs of a method; no weights are loaded here.

    Args:
        config: The run's options.
        plans: The plans of its datasets.
        start: The return value of `find_start`.
        device: Device of all tensors.
        num_processes: Number of processes that share a step.
        say: Called with messages for the user.
        members: Members that all of its datasets offer, see `Offered`.
        sets: The datasets with the overlays beside them; none if there are no overlays.

    Raises:
        TeacherLoadError: The weights are missing, incomplete or broken.
    """
    module, options = start["module"], dict(start["options"])
    where = {"location": start["location"], **options}
    frozen = {"device": device, "dtype": torch.float32, "negative_prompt": ""}

    def new_denoiser(
        guidance_embedding: bool = False,
        *,
        image_channels: int = 0,
        condition_channels: int = 0,
        fusion: str = SUM,
    ) -> Denoiser:
        # Teachers of users need not know what they cannot do.
        image: dict[str, Any] = {"image_channels": image_channels} if image_channels else {}
        if condition_channels:
            image |= {"condition_channels": condition_channels, "fusion": fusion}
        denoiser: Denoiser = plugins.call(
            "teachers",
            module,
            "build_denoiser",
            device=device,
            guidance_embedding=guidance_embedding,
            **image,
            **where,
        )
        return denoiser

    def new_autoencoder() -> Autoencoder:
        autoencoder: Autoencoder = plugins.call(
            "teachers", module, "build_autoencoder", device=device, **where
        )
        autoencoders.append(autoencoder)
        return autoencoder

    def frozen_run(folder: str, weights: str) -> Denoiser:
        denoiser, files[f"{weights} weights of {folder}"] = load_run(folder, weights, device)
        check_alike(folder, denoiser, start, teacher.schedule)
        runs.append(folder)
        return denoiser

    def load_teacher() -> Any:
        return plugins.build("teachers", module, **where, **frozen)

    teacher = plugins.build("teachers", module, with_network=False, **where, **frozen)
    files: dict[str, str] = {}
    runs: list[str] = []
    autoencoders: list[Autoencoder] = []

    def perceptual_net(given: str, num_channels: int) -> str:
        found, vae = find_perceptual(start, given, num_channels)
        other = vae_of(found)
        files["perceptual"] = hash_lpips(found)
        # Allowed, because models with the same latent space come with copies of a VAE.
        if other not in (None, vae):
            say(
                f"The perceptual network {found} was made for the VAE {other}, but that of "
                f"{start['name']} is {vae}: it is only meaningful if their latents are alike."
            )
        return found

    def vision_model(given: str) -> VisionModel:
        found = find_features(start, given)
        files["features"] = hashlib.sha256(canonical_json(found.identity).encode()).hexdigest()
        return found

    return Setup(
        plans=plans,
        members=members,
        plans_with=partial(plans_with, sets or [OfferedSet("", plan) for plan in plans]),
        teacher=teacher,
        load_teacher=load_teacher,
        perceptual_net=perceptual_net,
        vision_model=vision_model,
        load_run=frozen_run,
        new_denoiser=new_denoiser,
        new_autoencoder=new_autoencoder,
        guidance_embedding=config.guidance_embedding,
        files=files,
        runs=runs,
        autoencoders=autoencoders,
        micro_batch_size=config.batch_size // num_processes // config.accumulate,
        device=device,
    )
