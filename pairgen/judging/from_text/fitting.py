"""How a model from text is sampled, and whether it matches the pairs."""

from collections.abc import Sequence

import torch

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.judging.from_text.held_out import HeldOut
from pairgen.judging.from_text.sampled import Sampling
from pairgen.judging.judged import Judged
from pairgen.kinds.ode.pairs import TORCH_DTYPES
from pairgen.kinds.ode.sample_options import SampleConfig
from pairgen.kinds.usual_dtype import usual_dtype
from pairgen.model_config import ModelConfig, defaults_of
from pairgen.resolution import sources_of
from pairgen.sampling.grid import make_grid
from pairgen.teachers.base import Description, Teacher
from pairgen.types import Plan
from pairgen.wording import counted


def sampling_of(judged: Judged, plan: Plan) -> Sampling:
    """Return how to sample from the model: by its file, else as the pairs were made.

    Raises:
        ConfigError: The file's options are wrong.
    """
    recipe, own = plan.recipe, judged.model.sampling
    planned = {name: recipe[name] for name in ("steps", "solver", "spacing", "end")}
    sources = sources_of(SampleConfig, own).below("plan of the pairs", planned)
    options = sources.resolved().options
    learned = judged.model.student
    # Students from before this section: only those without a scale input had it in their file.
    told = judged.is_run and "cfg" not in own if learned is None else learned.told
    if not told and "cfg" in own and len(options.cfg) > 1:
        raise ConfigError(f"cfg of {judged.model.name} must be one scale, got {own['cfg']!r}.")
    return Sampling(
        name=judged.kind,
        steps=options.steps,
        solver=options.solver,
        spacing=options.spacing,
        end=options.end,
        guidance_scale=options.cfg[0] if "cfg" in own and not told else None,
        told=told,
    )


def teacher_sampling(plan: Plan, steps: int) -> Sampling:
    """Return how to sample from the pairs' teacher in another number of steps."""
    recipe = plan.recipe
    return Sampling(
        name=f"teacher, {counted(steps, 'step')}",
        steps=steps,
        solver=recipe["solver"],
        spacing=recipe["spacing"],
        end=recipe["end"],
    )


def check_fits(judged: Judged, sampling: Sampling, plan: Plan, url: str) -> Description:
    """Check a model against pairs before anything is loaded; return its description.

    Args:
        judged: The model.
        sampling: How to sample from it.
        plan: Plan of the pairs.
        url: URL of the pairs.

    Raises:
        ConfigError: Its latents have another shape, or its steps do not fit its schedule.
    """
    model = judged.model
    described: Description = plugins.call(
        "teachers", model.teacher, "describe", location=model.location, **model.options
    )
    shape, wanted = list(described.latent_shape), plan.members["latent.npy"]["shape"]
    if shape != wanted:
        raise ConfigError(
            f"{judged.path} makes latents of {shape}, the pairs of {url} are {wanted}."
        )
    make_grid(described.schedule, sampling.spacing, sampling.steps, sampling.end)
    return described


def check_teacher_steps(plan: Plan, steps: Sequence[int]) -> Description:
    """Check numbers of steps of the pairs' teacher; return its description.

    Raises:
        ConfigError: A number of steps does not fit its schedule.
    """
    options = {"location": plan.teacher["location"], **plan.teacher["options"]}
    teacher: Description = plugins.call("teachers", plan.teacher["module"], "describe", **options)
    for each in steps:
        make_grid(teacher.schedule, plan.recipe["spacing"], each, plan.recipe["end"])
    return teacher


def check_learned(judged: Judged, pairs: HeldOut, url: str) -> None:
    """Check that a student was trained on the guidance scales of the pairs, before loading it.

    Raises:
        ConfigError: It was not. Old runs do not say, and teachers accept any scale.
    """
    learned = judged.model.student
    there = sorted(set(pairs.guidance_scales))
    if learned is None or all(map(learned.covers, there)):
        return
    low, high = learned.guidance_scales[0], learned.guidance_scales[-1]
    planned = pairs.plan.recipe["guidance_scales"]
    fitting = [f"guidance_scale == {scale:g}" for scale in planned if learned.covers(scale)]
    remedy = f'--where "{" or ".join(fitting)}"' if fitting else f"pairs made with --cfg {high:g}"
    knows = (
        f"was trained on [{low:g}, {high:g}]" if learned.told else f"has {high:g} in its weights"
    )
    raise ConfigError(
        f"The pairs of {url} have guidance scale {', '.join(f'{s:g}' for s in there)}, "
        f"but {judged.path} {knows}: evaluate it with {remedy}."
    )


def build_judged(model: ModelConfig, plan: Plan, device: torch.device) -> Teacher:
    """Load the model, with the negative prompt of the pairs.

    Raises:
        TeacherLoadError: Its weights are missing, incomplete or broken.
    """
    defaults = defaults_of(model)
    built: Teacher = plugins.build(
        "teachers",
        model.teacher,
        location=model.location,
        device=device,
        dtype=TORCH_DTYPES[usual_dtype(defaults.dtype)],
        negative_prompt=plan.recipe["negative_prompt"],
        **model.options,
    )
    return built
