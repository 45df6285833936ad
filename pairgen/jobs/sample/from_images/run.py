"""Make images from pictures: conditions, or what a restoration is given."""

import torch

from pairgen import plugins
from pairgen.drawing.samples import Target, check_num_pictures, find_target, write_samples
from pairgen.execution.say import Say
from pairgen.jobs.sample.from_images.conditions import (
    Conditions,
    count_conditions,
    read_conditions,
)
from pairgen.jobs.sample.from_images.facts import run_facts
from pairgen.jobs.sample.from_images.grid import lay_out, shown_conditions
from pairgen.jobs.sample.from_images.make import make_from_conditions
from pairgen.jobs.sample.from_images.masks import Masks
from pairgen.jobs.sample.from_images.options import AskedImages, read_asked
from pairgen.jobs.sample.from_images.prompts import Prompts
from pairgen.jobs.sample.samples import Samples, samples_of
from pairgen.kinds.image_model import recipe_of
from pairgen.kinds.ode.sample_options import SampleConfig
from pairgen.kinds.usual_dtype import say_dtype
from pairgen.model_config import ModelConfig, defaults_of
from pairgen.process_state import cpu_threads
from pairgen.resolution import Sources
from pairgen.teachers.base import DecoderDescription
from pairgen.wording import counted

# Maximum number of refused conditions to report.
MAX_REASONS = 5


def sample_from_images(sources: Sources[SampleConfig], model: ModelConfig, say: Say) -> Samples:
    """Make images from pictures; save them.

    Args:
        sources: The options that were given.
        model: The model.
        say: Called with what it starts from.

    Raises:
        ConfigError: An option, a picture, a mask or the output is invalid; nothing was written.
        PairgenError: An image is not finite, or a batch does not fit into memory; nothing was
            written. Or the disk is full.
    """
    asked = read_asked(sources, model)
    config, recipe = asked.config, recipe_of(asked.model)
    target = find_target(config.out)
    conditions = _read(asked, target, say)
    grid = lay_out(config, conditions, recipe.scale, target)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with cpu_threads(config.cpu_threads):
        made = make_from_conditions(asked, conditions, device, say)
    shown = shown_conditions(conditions.given, recipe.scale)
    write_samples(target, made, grid, run_facts(asked, device), shown)
    return samples_of(
        made,
        target.path,
        len(conditions.refused),
        len(conditions.given),
        config.max_rejected,
    )


def _read(asked: AskedImages, target: Target, say: Say) -> Conditions:
    """Read the conditions, and report what they are."""
    config, model = asked.config, asked.model
    recipe = recipe_of(model)
    each = config.num_per_prompt * len(config.cfg)
    num = count_conditions(config.condition)
    check_num_pictures(target, each * (min(num, config.limit) if config.limit else num))
    decoder: DecoderDescription = plugins.call(
        "teachers", model.teacher, "describe_decoder", location=model.location, **model.options
    )
    prompts = Prompts(config.prompts, config.column, recipe)
    masks = Masks(config.masks)
    conditions = read_conditions(
        config.condition, recipe, prompts, masks, config.limit, decoder.factor
    )
    say(
        f"{counted(each * len(conditions.given), 'image')} ({recipe}): conditions "
        f"{len(conditions.given):,} x noises {config.num_per_prompt:,} x guidance scales "
        f"{len(config.cfg)}; {len(conditions.refused):,} refused."
    )
    say_dtype(defaults_of(model).dtype, config.dtype, say)
    for reason in conditions.refused[:MAX_REASONS]:
        say(f"Refused: {reason}.")
    if not config.limit:
        _say_unused(prompts, conditions, say)
    return conditions


def _say_unused(prompts: Prompts, conditions: Conditions, say: Say) -> None:
    """Report rows of a table and masks that belong to no condition."""
    table, left = prompts.table, conditions.masks_left
    if table is not None and table.num_unmatched:
        say(f"{counted(table.num_unmatched, 'row')} of {table.path} without a condition.")
    if left:
        say(
            f"{counted(len(left), 'mask belongs', 'masks belong')} to no condition, the first "
            f"{left[0]}."
        )
