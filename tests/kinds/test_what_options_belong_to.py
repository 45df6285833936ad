"""What an option says that it belongs to is what it does to the plan."""

from typing import Any

import pytest

from pairgen import plugins
from pairgen.jobs.degrade.inputs import preset_of
from pairgen.kinds.collect.options import CollectConfig
from pairgen.kinds.collect.plan import make_collect_plan
from pairgen.kinds.degrade.options import DegradeConfig
from pairgen.kinds.degrade.plan import make_degrade_plan
from pairgen.kinds.ode.conditioning import teacher_options
from pairgen.kinds.ode.options import OdeConfig
from pairgen.kinds.ode.plan import make_ode_plan
from pairgen.model_config import find_model
from pairgen.options import declared
from pairgen.sources.painted.names import PAINTED
from pairgen.types import Plan

SOURCE = {"sha256": "0" * 64, "num_inputs": 8, "name": "none", "num_captions": 0}
# The images of all other plans say nothing about their split.
IMAGES = {**SOURCE, "name": PAINTED}
# Option to another value than the default; a new option that is not here fails the test.
OTHER_ODE: dict[str, Any] = {
    "model": "gaussian",
    "cfg": (2.0,),
    "negative_prompt": "grey",
    "end": "clean",
    "seed": 1,
    "batch_size": 3,
    "cpu_threads": 2,
    "steps": 7,
    "solver": "heun",
    "spacing": "leading",
    "dtype": "bfloat16",
    "num_samples": 5,
    "trajectory": (499.0,),
    "noise": "seed",
    "store_embeddings": True,
    "samples_per_shard": 9,
    "shard_bytes": 9000,
    "long_prompts": "reject",
    "compile": True,
    "prompts": ("a.txt",),
    "column": "text",
    "dedupe": True,
    "shuffle": True,
    "limit": 3,
    "out": "elsewhere",
    "from_calibration": "calibration",
    "max_rejected": 0.5,
    "accept_changed_code": True,
    "shard_range": "2/3",
    "executor": "ray",
    "num_workers": 3,
    "gpus_per_worker": 0.5,
    "grace": 5.0,
    "stuck_after": 60.0,
    "address": "auto",
}
OTHER_DEGRADE: dict[str, Any] = {
    "scales": (8,),
    "levels": (4,),
    "nested": True,
    "degradation": "bsrgan",
    "crop": 256,
    "crops": "tiled",
    "samples_per_image": 2,
    "min_sharpness": 5.0,
    "max_aspect": 2.0,
    "overlay": True,
    "hr_format": "jpg",
    "samples_per_shard": 9,
    "shard_bytes": 9000,
    "seed": 1,
    "cpu_threads": 2,
    "pixel_path": "torch",
    "batch_size": 3,
    "images": ("photographs",),
    "captions": "captions.csv",
    "column": "text",
    "caption_choice": "first",
    "num_images": 5,
    "split": "held-out",
    "out": "elsewhere",
    "max_rejected": 0.5,
    "accept_changed_code": True,
    "shard_range": "2/3",
    "executor": "ray",
    "num_workers": 3,
    "gpus_per_worker": 0.5,
    "grace": 5.0,
    "stuck_after": 60.0,
    "address": "auto",
}
OTHER_COLLECT: dict[str, Any] = {
    "hr": "hr",
    "lr": "lr",
    "pairs": "pairs",
    "scale": 2,
    "edit_triples": "edits.csv",
    "images": ("photographs",),
    "captions": "captions.csv",
    "column": "text",
    "caption_choice": "first",
    "num_images": 5,
    "split": "held-out",
    "label_column": "label",
    "bucket": True,
    "size": 256,
    "crop": "random",
    "enlarge": True,
    "flip": True,
    "min_size": 300,
    "min_sharpness": 5.0,
    "max_aspect": 2.0,
    "format": "jpg",
    "samples_per_shard": 9,
    "shard_bytes": 9000,
    "seed": 1,
    "cpu_threads": 2,
    "out": "elsewhere",
    "max_rejected": 0.5,
    "accept_changed_code": True,
    "shard_range": "2/3",
    "executor": "ray",
    "num_workers": 3,
    "gpus_per_worker": 0.5,
    "grace": 5.0,
    "stuck_after": 60.0,
    "address": "auto",
}
# What must be given with an option.
TOGETHER: dict[str, dict[str, Any]] = {
    "hr": {"lr": "lr"},
    "lr": {"hr": "hr"},
    "overlay": {"from_ode": "pairs"},
}
# Asked for by name: what it leads to is in the identity of the teacher or of the source.
BY_NAME = {"revision", "lora", "from_ode"}


def ode_plan(**options: Any) -> Plan:
    config = OdeConfig(**options)
    model = find_model(config.model)
    description = plugins.call(
        "teachers", model.teacher, "describe", **teacher_options(config.revision, model)
    )
    return make_ode_plan(config, model, description, dict(SOURCE))


def degrade_plan(**options: Any) -> Plan:
    config = DegradeConfig(**options)
    return make_degrade_plan(config, preset_of({}, config, None), dict(IMAGES), 8, {})


def collect_plan(**options: Any) -> Plan:
    source = {**IMAGES, "num_classes": 0, "num_tags": 0}
    return make_collect_plan(CollectConfig(**options), "pairs", source, 8, {})


ODE = [("ode", each.name) for each in declared(OdeConfig) if each.name not in BY_NAME]
DEGRADE = [("degrade", each.name) for each in declared(DegradeConfig) if each.name not in BY_NAME]
COLLECT = [("collect", each.name) for each in declared(CollectConfig) if each.name not in BY_NAME]


@pytest.mark.parametrize(("kind", "name"), ODE + DEGRADE + COLLECT)
def test_an_option_belongs_to_what_it_says(kind: str, name: str) -> None:
    options, other, plan_of = {
        "ode": (OdeConfig, OTHER_ODE, ode_plan),
        "degrade": (DegradeConfig, OTHER_DEGRADE, degrade_plan),
        "collect": (CollectConfig, OTHER_COLLECT, collect_plan),
    }[kind]
    option = next(each.option for each in declared(options) if each.name == name)
    further = TOGETHER.get(name, {})
    usual, changed = plan_of(), plan_of(**{name: other[name]}, **further)
    is_identity = option.belongs == "identity"
    assert (usual.fingerprint() != changed.fingerprint()) == is_identity
    is_kept = {name in each.resolved["options"] for each in (usual, changed)} == {True}
    assert is_kept == (option.belongs != "run")
