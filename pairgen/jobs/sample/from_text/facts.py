"""The facts that `pairgen sample` records about its images."""

from collections.abc import Sequence
from typing import Any

import torch

import pairgen
from pairgen.kinds.machine import device_name, versions
from pairgen.kinds.ode.maker import MODULES
from pairgen.kinds.ode.sample_options import SAMPLER_OPTIONS, SampleConfig
from pairgen.types import Plan


def run_facts(
    config: SampleConfig, plan: Plan, prompts: Sequence[str], device: torch.device
) -> dict[str, Any]:
    """Return everything needed to make the images again, and everything their bits depend on.

    `options` are those of `pairgen.sample`, with values from the model's config filled in. The
    fingerprint is that of the dataset `pairgen ode` would make with the same options.
    """
    resolved = {name: plan.resolved["options"][name] for name in SAMPLER_OPTIONS}
    return {
        "pairgen": pairgen.__version__,
        "fingerprint": plan.fingerprint(),
        "options": {
            **resolved,
            # As typed: images are shared, and a plan's absolute folder means nothing elsewhere.
            "model": config.model,
            "revision": plan.teacher["options"].get("revision", ""),
            "num_per_prompt": config.num_per_prompt,
            "prompts": list(prompts),
        },
        "teacher": {"name": plan.teacher["name"], "identity": dict(plan.teacher["identity"])},
        "noise_generator": plan.recipe["noise_generator"],
        "made": {"device": device_name(device), "versions": versions(MODULES)},
    }
