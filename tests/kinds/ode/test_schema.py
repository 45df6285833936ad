"""The JSON Schema of model configs: it accepts what pairgen reads, and refuses what it refuses."""

import pytest
import yaml
from jsonschema import Draft202012Validator

from pairgen.config import packaged_configs
from pairgen.kinds.ode.schema import model_schema
from pairgen.model_config import model_names

NUMBERS = "dtype: float32, batch_size: 2, samples_per_shard: 8"


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = model_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", model_names())
def test_every_packaged_model_fits(validator, name):
    text = (packaged_configs() / "models" / f"{name}.yaml").read_text(encoding="utf-8")
    assert list(validator.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "teacher: gaussian",
        "teacher: gaussian, location: , options: ",
        "teacher: own.teacher, options: {size: [3, x]}",
        "teacher: latent_diffusion, location: a/b, options: {revision: main, variant: }",
        "teacher: pixel_unet, options: {labels: [cat, dog], null_label: 2}",
        "teacher: gaussian, prompts: tiny, sampling: {steps: 1, spacing: trailing, cfg: 1}",
        "teacher: gaussian, student: {guidance_scales: [2, 8], told: true}",
    ],
)
def test_what_pairgen_reads_fits(validator, text):
    assert list(validator.iter_errors(yaml.safe_load(f"{{{text}, {NUMBERS}}}"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "location: weights",
        "teacher: gausian",
        "teacher: gaussian, batchsize: 4",
        "teacher: gaussian, prompts: tinny",
        "teacher: gaussian, options: {num_mode: 3}",
        "teacher: gaussian, options: {latent_shape: [1, 16]}",
        "teacher: gaussian, options: {mode_std: 0}",
        "teacher: latent_diffusion, options: {varaint: fp16}",
        "teacher: latent_diffusion, options: {labels: [cat]}",
        "teacher: pixel_unet, options: {labels: cat}",
        "teacher: gaussian, sampling: {stpes: 1}",
        "teacher: gaussian, sampling: {solver: dimm}",
        "teacher: gaussian, sampling: {model: tiny}",
        "teacher: gaussian, student: {told: true}",
    ],
)
def test_what_pairgen_refuses_does_not_fit(validator, text):
    assert not validator.is_valid(yaml.safe_load(f"{{{text}, {NUMBERS}}}"))


def test_the_numbers_of_a_run_are_required(validator):
    assert not validator.is_valid({"teacher": "gaussian"})
