"""Make images from pictures: conditions, or what a restoration is given."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from pairgen import plugins
from pairgen.errors import PairgenError
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say
from pairgen.jobs.sample.from_images.conditions import (
    Condition,
    Conditions,
    count_conditions,
    read_conditions,
)
from pairgen.jobs.sample.from_images.facts import condition_facts, picture_facts, run_facts
from pairgen.jobs.sample.from_images.grid import lay_out, shown_conditions
from pairgen.jobs.sample.from_images.masks import Masks
from pairgen.jobs.sample.from_images.options import AskedImages, read_asked
from pairgen.jobs.sample.from_images.prompts import Prompts
from pairgen.jobs.sample.samples import Samples
from pairgen.kinds.decode import NotFinitePictureError
from pairgen.kinds.image_model import load_image_model, recipe_of
from pairgen.kinds.image_pictures import student_pictures
from pairgen.kinds.machine import batch_does_not_fit
from pairgen.kinds.ode.pairs import TORCH_DTYPES
from pairgen.kinds.ode.pictures import Pictures
from pairgen.kinds.ode.sample_options import SampleConfig
from pairgen.model_config import ModelConfig
from pairgen.process_state import cpu_threads
from pairgen.report.samples import Target, check_num_pictures, find_target, write_samples
from pairgen.resolution import Sources

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
        made = _make(asked, conditions.given, device, say)
    shown = shown_conditions(conditions.given, recipe.scale)
    write_samples(target, made, grid, run_facts(asked, device), shown)
    return Samples(
        prompts=tuple(fact["prompt"] for fact in made.facts),
        guidance_scales=tuple(fact["guidance_scale"] for fact in made.facts),
        pictures=made.pictures,
        path=target.path,
    )


def _read(asked: AskedImages, target: Target, say: Say) -> Conditions:
    """Read the conditions, and report what they are."""
    config, model = asked.config, asked.model
    recipe = recipe_of(model)
    each = config.num_per_prompt * len(config.cfg)
    num = count_conditions(config.condition)
    check_num_pictures(target, each * (min(num, config.limit) if config.limit else num))
    decoder = plugins.call(
        "teachers", model.teacher, "describe_decoder", location=model.location, **model.options
    )
    factor = decoder.size_px[0] // decoder.latent_shape[1]
    prompts = Prompts(config.prompts, config.column, recipe)
    masks = Masks(config.masks)
    conditions = read_conditions(config.condition, recipe, prompts, masks, config.limit, factor)
    say(
        f"{each * len(conditions.given):,} images ({recipe}): conditions "
        f"{len(conditions.given):,} x noises {config.num_per_prompt:,} x guidance scales "
        f"{len(config.cfg)}; {len(conditions.refused):,} refused."
    )
    for reason in conditions.refused[:MAX_REASONS]:
        say(f"Refused: {reason}.")
    if prompts.table is not None and prompts.table.num_unmatched:
        say(f"{prompts.table.num_unmatched:,} rows of {prompts.table.path} name no condition.")
    if conditions.masks_left:
        left = conditions.masks_left
        say(f"{len(left):,} masks belong to no condition, left aside: {left[0]}.")
    return conditions


def _make(
    asked: AskedImages, conditions: Sequence[Condition], device: torch.device, say: Say
) -> Pictures:
    """Make all images: guidance scales vary fastest, then conditions, then noises."""
    config = asked.config
    num_noises, scales = config.num_per_prompt, config.cfg
    pairs = [each for _ in range(num_noises) for each in conditions]
    student, teacher = load_image_model(
        asked.model, TORCH_DTYPES[config.dtype], device, config.negative_prompt
    )
    texts = list(dict.fromkeys(each.prompt for each in conditions))
    counts = teacher.count_tokens(texts)
    truncated = {t for t, n in zip(texts, counts, strict=True) if n > teacher.max_prompt_tokens}
    if truncated:
        say(f"{len(truncated):,} of {len(texts):,} prompts cut to the model's token limit.")
    pictures, num_made = np.empty(0, np.uint8), 0
    progress = Progress(len(pairs) * len(scales), 0, unit="images")
    try:
        for number, scale in enumerate(scales):
            batches = student_pictures(
                replace(student, sampling=asked.at(scale)),
                teacher,
                [each.picture for each in pairs],
                [each.prompt for each in pairs],
                config.seed,
                range(len(pairs)),
                config.batch_size,
            )
            place = number
            for batch in batches:
                if not len(pictures):
                    shape = (len(pairs) * len(scales), *batch.shape[1:])
                    pictures = np.empty(shape, np.uint8)
                for picture in batch:
                    pictures[place] = picture
                    place += len(scales)
                num_made += len(batch)
                progress.reached(num_made)
    except torch.OutOfMemoryError:
        raise batch_does_not_fit(config.batch_size, device) from None
    except NotFinitePictureError:
        raise PairgenError(
            f"An image of the {config.batch_size:,} from {num_made:,} on is not finite; nothing "
            "was written."
        ) from None
    finally:
        progress.close()
    known = [condition_facts(each) for each in conditions]
    facts = [
        picture_facts(
            known[pair % len(conditions)],
            pair * len(scales) + number,
            pair,
            scale,
            pairs[pair].prompt in truncated,
        )
        for pair in range(len(pairs))
        for number, scale in enumerate(scales)
    ]
    return Pictures(pictures, facts)
