"""The facts that `pairgen sample` records about images that were made from pictures."""

import hashlib
from collections.abc import Mapping
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


def condition_facts(condition: Condition) -> Mapping[str, Any]:
    """Return the facts of a condition: its name, the checksum of its pixels, and its prompt."""
    pixels = np.ascontiguousarray(condition.picture)
    return {
        "condition": condition.name,
        "condition_sha256": hashlib.sha256(pixels.data).hexdigest(),
        "prompt": condition.prompt,
    }


def picture_facts(
    of_condition: Mapping[str, Any],
    index: int,
    pair_index: int,
    guidance_scale: float,
    truncated: bool,
) -> Facts:
    """Return the facts of an image; `pair_index` is the number of its noise."""
    return {
        "index": index,
        "pair_index": pair_index,
        "guidance_scale": guidance_scale,
        "prompt_truncated": truncated,
        **of_condition,
    }
