"""What the stages of YONOS-SR share: network, student, and which run may follow which."""

from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.image_recipe import NOISE, RESTORATION, ImageRecipe
from pairgen.methods._images.encoded import EncodedPairOptions
from pairgen.methods._images.pairs import lr_member
from pairgen.methods.base import AVERAGE, ImageStudent, Setup
from pairgen.model_config import MODEL_FILE, find_model
from pairgen.teachers.base import Autoencoder, Denoiser


def network_of(setup: Setup, run: str) -> Denoiser:
    """Return a network to train that takes the latent of LR beside the state.

    Args:
        setup: Teacher and datasets.
        run: Run whose network it is; empty for the model's, with new input channels that are zero.

    Raises:
        ConfigError: The run is not finished, or its network takes no image latent.
    """
    channels = setup.teacher.latent_shape[0]
    if not run:
        return setup.new_denoiser(image_channels=channels)
    denoiser = setup.load_run(run, AVERAGE)
    if denoiser.image_channels != channels:
        raise ConfigError(
            f"The network of {run} must take an image latent of {channels} channels beside the "
            f"state, got {denoiser.image_channels}."
        )
    denoiser.network.requires_grad_(True)
    return denoiser


def check_stage(name: str, run: str, options: EncodedPairOptions, scale: int) -> None:
    """Check that a run restores LR of a size, from latents like those of this stage.

    Args:
        name: Name of the option in messages.
        run: The run.
        options: The options of this stage.
        scale: N of what it must restore.

    Raises:
        ConfigError: It is not finished, restores something else, or encodes otherwise.
    """
    recipe = _recipe_of(name, run)
    for what, found, wanted in (
        ("restore", recipe.source, lr_member(scale)),
        ("be trained with the posterior", recipe.posterior, options.posterior),
        ("be trained with the prompts", recipe.prompts or "fixed", options.text or "fixed"),
        ("be trained with the prompt", recipe.prompt, options.prompt),
    ):
        if found != wanted:
            raise ConfigError(f"{name} must {what} {wanted!r}, got {found!r}: {run}.")


def scale_of(name: str, run: str) -> int:
    """Return N of what a run restores.

    Args:
        name: Name of the option in messages.
        run: The run.

    Raises:
        ConfigError: It is no finished stage.
    """
    return _recipe_of(name, run).scale


def _recipe_of(name: str, run: str) -> ImageRecipe:
    folder = Path(run).expanduser().absolute()
    recipe = find_model(str(folder)).image if (folder / MODEL_FILE).is_file() else None
    if recipe is None or not recipe.concat or recipe.kind != RESTORATION:
        raise ConfigError(f"{name} must be a finished run of `pairgen train yonos`, got {run}.")
    return recipe


def restorer(
    options: EncodedPairOptions, target: str, denoiser: Denoiser, autoencoder: Autoencoder
) -> ImageStudent:
    """Return the student of a stage: one step from pure noise, given LR."""
    return ImageStudent(
        denoiser=denoiser,
        autoencoder=autoencoder,
        recipe=ImageRecipe(
            kind=RESTORATION,
            source=lr_member(options.scale),
            target=target,
            scale=options.scale,
            start=NOISE,
            concat=True,
            posterior=options.posterior,
            prompts=options.text,
            prompt=options.prompt,
        ),
        sampling={"steps": 1, "solver": "ddim", "spacing": "trailing", "end": "clean", "cfg": 1},
        num_evaluations=1,
    )
