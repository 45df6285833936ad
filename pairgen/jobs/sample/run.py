"""`pairgen sample`: images of a model, from text or from pictures, without writing a dataset."""

from collections.abc import Mapping
from typing import Any

from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.sample.from_images.run import sample_from_images
from pairgen.jobs.sample.from_text.run import sample_from_text
from pairgen.jobs.sample.samples import Samples
from pairgen.kinds.ode.sample_options import SampleConfig
from pairgen.model_config import find_model, with_lora
from pairgen.resolution import sources_of


@trusts_user
def run_sample(given: Mapping[str, Any], say: Say = log) -> Samples:
    """Run `sample`, and report what it starts from."""
    sources = sources_of(SampleConfig, given)
    model = find_model(sources["model"])
    if model.image is None:
        return sample_from_text(sources, with_lora(model, sources["lora"]), say)
    return sample_from_images(sources, model, say)
