"""Make the images of a dataset without writing the dataset."""

import itertools
from collections.abc import Iterable

import numpy as np
import torch

from pairgen import plugins
from pairgen.drawing.grid import GridLayout
from pairgen.drawing.sample_grid import lay_out_pictures, picture_rows
from pairgen.drawing.samples import (
    Target,
    check_num_pictures,
    find_target,
    write_samples,
)
from pairgen.errors import ConfigError
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say
from pairgen.jobs.sample.from_text.facts import run_facts
from pairgen.jobs.sample.samples import Samples, samples_of
from pairgen.kinds.ode.conditioning import (
    cut_negative_prompt,
    refuse_prompts,
    teacher_options,
)
from pairgen.kinds.ode.pictures import Pictures, make_pictures
from pairgen.kinds.ode.plan import make_ode_plan, own_dtype, prompt_counts, prompt_source
from pairgen.kinds.ode.sample_options import SampleConfig
from pairgen.kinds.usual_dtype import say_dtype
from pairgen.model_config import ModelConfig, packaged_prompts
from pairgen.option_names import option_text
from pairgen.resolution import Sources
from pairgen.shards.format.slots import slot_at
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.prompt_values import PromptReader, find_prompts
from pairgen.sources.prompts import collected_prompts
from pairgen.teachers.base import Description
from pairgen.types import Facts, Plan
from pairgen.wording import counted

# Maximum number of refused prompts to report; a dataset would list them all.
MAX_REASONS = 5
# A source may be a literal prompt, of any length.
MAX_NAME = 60


def sample_from_text(sources: Sources[SampleConfig], model: ModelConfig, say: Say) -> Samples:
    """Make images from prompts; save them.

    Args:
        sources: The options that were given.
        model: The model.
        say: Called with what it starts from.

    Raises:
        ConfigError: An option, a file or the output is invalid; nothing was written.
        PairgenError: An image is not finite, or a batch does not fit into memory; nothing was
            written. Or the disk is full.
    """
    for name in ("condition", "masks"):
        if sources[name]:
            raise ConfigError(
                f"{option_text(name)} must be left out: {model.name} makes images from text alone."
            )
    config = sources.below(f"model {model.name}", model.sampling).resolved().options
    target = find_target(config.out)
    prompts, num_refused, plan = _plan_pictures(config, model, target, say)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    progress = Progress(plan.num_samples, 0, unit="images")
    try:
        batches = make_pictures(plan, prompts, device)
        first = next(batches)
        # Before the long wait: only a decoded image shows how large the grid will be.
        grid = _lay_out(config, plan, prompts, target, first.pictures.shape)
        made = _collect(itertools.chain([first], batches), plan.num_samples, progress)
    finally:
        progress.close()
    truncated = {fact["prompt_index"] for fact in made.facts if fact["prompt_truncated"]}
    if truncated:
        say(f"{len(truncated):,} of {len(prompts):,} prompts cut to the teacher's token limit.")
    num_shown = sum(map(len, grid.rows))
    if num_shown < plan.num_samples:
        say(f"The grid shows {num_shown:,} of the {plan.num_samples:,} images.")
    write_samples(target, made, grid, run_facts(config, plan, prompts, device))
    return samples_of(made, target.path, num_refused, len(prompts), config.max_rejected)


def _collect(batches: Iterable[Pictures], num_pictures: int, progress: Progress) -> Pictures:
    """Join the batches of a run and show progress."""
    facts: list[Facts] = []
    pictures = np.empty(0, np.uint8)
    for batch in batches:
        if not facts:
            # Allocate for all images: joining parts at the end would need twice the memory.
            pictures = np.empty((num_pictures, *batch.pictures.shape[1:]), np.uint8)
        pictures[len(facts) : len(facts) + len(batch.facts)] = batch.pictures
        facts += batch.facts
        progress.reached(len(facts))
    return Pictures(pictures, facts)


def _plan_pictures(
    config: SampleConfig, model: ModelConfig, target: Target, say: Say
) -> tuple[list[str], int, Plan]:
    """Read the prompts; return them, how many were refused, and the plan of the dataset to show."""
    values = config.prompts
    if not values:
        path = packaged_prompts(model)
        say(f"No prompts given: using the packaged prompts {path}")
        values = (str(path),)
    dataset = config.ode_config(num_prompts=1)
    description: Description = plugins.call(
        "teachers", model.teacher, "describe", **teacher_options(dataset.revision, model)
    )
    refuse = refuse_prompts(dataset, model, description)
    if cut := cut_negative_prompt(dataset, model, description):
        say(f"The negative prompt is cut: it has {cut}.")
    passed_over = PassedOver()
    sources = find_prompts(values, config.column, texts=True, note=say, passed_over=passed_over)
    reader = PromptReader(sources)
    refused: list[str] = []

    def reject(number: int, reason: str, prompt: str) -> None:
        if len(refused) < MAX_REASONS:
            name, entry = reader.place(number)
            # A literal prompt is its own source.
            place = "" if name == prompt else f"entry {entry} of {name[:MAX_NAME]!r}, "
            refused.append(place + reason)

    with collected_prompts(reader, refuse, config.choice, reject) as (found, summary):
        options = config.ode_config(summary.num_accepted)
        check_num_pictures(target, options.num_samples)
        prompts = found.to_pylist()
    plan = make_ode_plan(options, model, description, prompt_source("", summary, config.choice))
    say_dtype(own_dtype(model, description), plan.execution["dtype"], say)
    say(
        f"{counted(plan.num_samples, 'image')}: prompts {len(prompts):,} x noises "
        f"{config.num_per_prompt:,} x guidance scales {len(config.cfg)}; "
        f"{prompt_counts(summary)}"
    )
    if text := str(passed_over):
        say(f"Passed over: {text}.")
    for reason in refused:
        say(f"Refused: {reason}.")
    return prompts, summary.num_rejected, plan


def _lay_out(
    config: SampleConfig, plan: Plan, prompts: list[str], target: Target, shape: tuple[int, ...]
) -> GridLayout:
    """Return the layout of the grid: of all images, or for a folder, of the first that fit."""
    captions = [""] * plan.num_samples
    if config.captions:
        slots = (slot_at(plan, index) for index in range(plan.num_samples))
        scaled = len(config.cfg) > 1
        captions = [
            f"guidance {slot.guidance_scale:g}: " * scaled + prompts[slot.prompt_index]
            for slot in slots
        ]
    rows = picture_rows(len(prompts), config.num_per_prompt, len(config.cfg), config.columns)
    _, height, width, _ = shape
    return lay_out_pictures(rows, (width, height), captions, target)
