"""The facts that `pairgen sample` records about images that were made from pictures."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

import pairgen
from pairgen import plugins
from pairgen.jobs.sample.from_images.conditions import Condition
from pairgen.jobs.sample.from_images.options import AskedImages
from pairgen.kinds.image_model import recipe_of
from pairgen.kinds.machine import device_name, versions
from pairgen.kinds.ode.maker import MODULES
from pairgen.kinds.ode.sample_options import SAMPLER_OPTIONS
from pairgen.seeding import NOISE_GENERATOR
from pairgen.types import Facts

# Options that such images depend on beside those of the sampler.
OTHERS = ("condition", "masks", "prompts", "column", "limit", "num_per_prompt")


def run_facts(asked: AskedImages, device: torch.device) -> dict[str, Any]:
    """Return everything needed to make the images again, and everything their bits depend on.

    `options` are those of `pairgen.sample`, with values from the model's file filled in.
    """
    plain, model = asked.config.plain(), asked.model
    decoder = plugins.call(
        "teachers", model.teacher, "describe_decoder", location=model.location, **model.options
    )
    return {
        "pairgen": pairgen.__version__,
        "options": {name: plain[name] for name in (*SAMPLER_OPTIONS, *OTHERS)},
        "model": {
            "name": model.name,
            "identity": dict(asked.described.identity),
            "vae": dict(decoder.identity),
            "recipe": asdict(recipe_of(model)),
        },
        "noise_generator": NOISE_GENERATOR,
        "made": {"device": device_name(device), "versions": versions(MODULES)},
    }


def picture_facts(
    conditions: Sequence[Condition],
    num_per_condition: int,
    guidance_scales: Sequence[float],
    truncated: Collection[str],
) -> list[Facts]:
    """Return the facts of all images, in their order.

    Args:
        conditions: The conditions.
        num_per_condition: Number of noises per condition.
        guidance_scales: The guidance scales.
        truncated: Prompts that exceed the model's limit.
    """
    known = [_condition_facts(each) for each in conditions]
    return [
        {
            "index": pair * len(guidance_scales) + number,
            # The number of its noise.
            "pair_index": pair,
            "guidance_scale": scale,
            "prompt_truncated": of_condition["prompt"] in truncated,
            **of_condition,
        }
        for pair, of_condition in enumerate(known * num_per_condition)
        for number, scale in enumerate(guidance_scales)
    ]


def _condition_facts(condition: Condition) -> Facts:
    """Return the name of a condition, the checksum of its pixels, and its prompt."""
    pixels = np.ascontiguousarray(condition.picture)
    return {
        "condition": condition.name,
        "condition_sha256": hashlib.sha256(pixels.data).hexdigest(),
        "prompt": condition.prompt,
    }
