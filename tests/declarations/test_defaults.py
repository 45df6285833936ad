"""The defaults on help pages: what a model or a method may set is not shown as one value."""

import pytest
import yaml

from pairgen import plugins
from pairgen.config import packaged_configs
from pairgen.jobs.calibrate.options import CalibrateConfig
from pairgen.kinds.image_sampling import ImageSampling
from pairgen.kinds.ode.options import OdeConfig
from pairgen.kinds.ode.sample_options import SampleConfig
from pairgen.options import declared
from pairgen.training.options import TrainConfig


@pytest.mark.parametrize("options", [OdeConfig, SampleConfig, CalibrateConfig])
def test_what_a_model_sets_is_its_own_by_default(options):
    shown = {each.name: each.shown_default for each in declared(options)}
    for name in ImageSampling.__dataclass_fields__:
        # Calibration measures several solvers, spacings and steps.
        if options is not CalibrateConfig or name in ("cfg", "end"):
            assert shown[name].startswith("the model's own, else "), name
    assert shown["prompts"].startswith("those packaged for the model")


def test_what_a_recipe_sets_is_the_methods_by_default():
    shown = {each.name: each.shown_default for each in declared(TrainConfig)}
    for method in plugins.members("methods"):
        recipe = yaml.safe_load((packaged_configs() / f"train/{method}.yaml").read_text())
        for name in recipe.keys() & shown.keys() - {"players"}:
            assert shown[name].startswith("the method's "), (method, name)


def test_the_value_that_is_shown_is_that_of_the_option():
    for options in (OdeConfig, SampleConfig, TrainConfig):
        for each in declared(options):
            default = each.option.default
            if default.startswith(("the model's own, else ", "the method's own, else ")):
                value = each.default
                told = ",".join(map("{:g}".format, value)) if isinstance(value, tuple) else value
                if each.name not in ("lora_rank", "lora_alpha"):
                    assert default.endswith(
                        f" else {told:g}" if type(told) is float else f" else {told}"
                    )
