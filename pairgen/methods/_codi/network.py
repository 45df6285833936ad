"""The network that CoDi trains, and runs that have such a one."""

from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.image_recipe import RESTORATION, ImageRecipe
from pairgen.methods._codi.options import (
    ALL,
    FUSION_OF,
    INPAINTING,
    MEMBERS,
    SUPER_RESOLUTION,
    CoDiOptions,
)
from pairgen.methods.base import AVERAGE, Setup
from pairgen.model_config import MODEL_FILE, find_model
from pairgen.teachers.base import Denoiser


def network_of(setup: Setup, options: CoDiOptions, channels: int) -> Denoiser:
    """Return the network to train, with a branch; what is not trained is frozen.

    Args:
        setup: Teacher and datasets.
        options: What is trained, and which run it starts from.
        channels: Channels of a condition.

    Raises:
        ConfigError: The run was trained for another task, or has no branch for such conditions, or
            one that belongs to the network that was trained with it, where the model's own shall
            stay.
    """
    run, fusion = options.start_from, FUSION_OF[options.trains]
    if run:
        _check_task("start_from", run, options.task)
    before = loaded_run(setup, run, AVERAGE, channels) if run else None
    if before is not None and options.trains == ALL:
        denoiser = before
    else:
        denoiser = setup.new_denoiser(condition_channels=channels, fusion=fusion)
        if before is not None:
            if before.branch.fusion != fusion:
                raise ConfigError(
                    f"start_from must be a run of trains={options.trains}: the branch of {run} "
                    "belongs to the network that was trained with it."
                )
            # The network stays the model's: the branch alone is exported.
            denoiser.branch.load_last(before.branch.last_weights())
    denoiser.network.requires_grad_(options.trains == ALL)
    denoiser.branch.unfreeze()
    return denoiser


def teacher_of(setup: Setup, options: CoDiOptions, channels: int) -> Denoiser:
    """Return the frozen run that takes the DDIM step, which is given what the student is given.

    Args:
        setup: Loads it.
        options: Which run it is, and the task.
        channels: Channels of a condition.

    Raises:
        ConfigError: The run is not finished, or was trained for another task.
    """
    run = options.teacher
    _check_task("teacher", run, options.task)
    denoiser = loaded_run(setup, run, options.teacher_weights, channels)
    recipe = _recipe_of(run)
    given = "" if recipe is None else recipe.mask or recipe.source
    if given != options.condition:
        raise ConfigError(
            f"teacher must be a run of a model that is given {options.condition}, as this one is: "
            f"{run} is given {given or 'nothing'}."
        )
    return denoiser


def loaded_run(setup: Setup, run: str, weights: str, channels: int) -> Denoiser:
    """Load the network of a run with its branch, frozen.

    Args:
        setup: Loads it.
        run: The run.
        weights: `average` or `last`.
        channels: Channels of a condition.

    Raises:
        ConfigError: It is not finished, or has no branch for such conditions.
    """
    denoiser = setup.load_run(run, weights)
    if (found := denoiser.condition_channels) != channels:
        has = f"takes conditions of {found} channels" if found else "has no condition branch"
        raise ConfigError(
            f"The network of {run} must take conditions of {channels} channels: it {has}."
        )
    return denoiser


def _check_task(name: str, run: str, task: str) -> None:
    """Refuse a run with a branch for another task; other runs are refused when they are loaded."""
    recipe = _recipe_of(run)
    if recipe is None or not recipe.branch:
        return
    if (found := _task_of(recipe)) != task:
        raise ConfigError(f"{name} must be a run of task={task}, got one of task={found}: {run}.")


def _task_of(recipe: ImageRecipe) -> str:
    """Return the task of a run; of none of ours, the member that it is given."""
    if recipe.mask:
        return INPAINTING
    if recipe.kind == RESTORATION:
        return SUPER_RESOLUTION
    tasks = {member: task for task, member in MEMBERS.items()}
    return tasks.get(recipe.source, recipe.source)


def _recipe_of(run: str) -> ImageRecipe | None:
    """Return how a run makes images of images; None if it does not, or is not finished."""
    folder = Path(run).absolute()
    return find_model(str(folder)).image if (folder / MODEL_FILE).is_file() else None
