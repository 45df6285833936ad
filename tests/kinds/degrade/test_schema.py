"""The JSON Schema of presets: it accepts what pairgen reads, and refuses what it refuses."""

import pytest
import yaml
from jsonschema import Draft202012Validator

from pairgen import plugins
from pairgen.config import packaged_configs
from pairgen.kinds.degrade.pyramid import preset_names
from pairgen.kinds.degrade.schema import preset_schema
from tests.degradations.test_batch import NESTED


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = preset_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", preset_names())
def test_every_packaged_preset_fits(validator, name):
    text = (packaged_configs() / "degradations" / f"{name}.yaml").read_text(encoding="utf-8")
    assert list(validator.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "levels: [jpeg, {sinc_filter: }, {jpeg: {}}]",
        "{shared: , levels: [clip]}",
        "{levels: [jpeg], nested: [resize_to_target, {gaussian_noise: }]}",
        "levels: [own.operations.negative, {own.operations.negative: {share: [3, x]}}]",
        "levels: [{one_of: {choices: [{probability: 1, own.negative: {share: 3}}]}}]",
        "levels: [{halved: {operations: [{maybe: {operations: [{chain: {operations: []}}]}}]}}]",
    ],
)
def test_what_pairgen_reads_fits(validator, text):
    assert list(validator.iter_errors(yaml.safe_load(text))) == []


def test_compositions_of_everything_fit(validator):
    assert list(validator.iter_errors({"shared": NESTED, "levels": NESTED})) == []
    defaults = [{name: {}} for name in plugins.members("degradations")]
    assert list(validator.iter_errors({"levels": defaults})) == []


@pytest.mark.parametrize(
    "text",
    [
        "shared: [jpeg]",
        "levels: []",
        "{levels: [jpeg], stages: []}",
        "{levels: [jpeg], nested: []}",
        "{levels: [jpeg], nested: }",
        "{levels: [jpeg], nested: [jpg]}",
        "levels: {jpeg: {}}",
        "levels: [jpg]",
        "levels: [{jpg: {}}]",
        "levels: [{jpeg: {}, webp: {}}]",
        "levels: [{jpeg: 3}]",
        "levels: [{jpeg: {qualty: [30, 95]}}]",
        "levels: [{jpeg: {quality: [30]}}]",
        "levels: [{jpeg: {quality: [30, 101]}}]",
        "levels: [{isotropic_blur: {kernel_sizes: [8]}}]",
        "levels: [{resize: {modes: [cubic]}}]",
        "levels: [{one_of: {choices: [{jpeg: {}}]}}]",
        "levels: [{one_of: {choices: [{probability: 1}]}}]",
        "levels: [{one_of: {choices: [{probability: 1, jpeg: {qualty: [1, 2]}}]}}]",
        "levels: [{maybe: {operations: [{jpeg: {qualty: [1, 2]}}]}}]",
        "levels: [{shuffled: {groups: [[jpeg], [jpg]]}}]",
        "levels: [{halved: {operations: [{chain: {operations: [jpg]}}]}}]",
    ],
)
def test_what_pairgen_refuses_does_not_fit(validator, text):
    assert not validator.is_valid(yaml.safe_load(text))


def test_every_option_is_explained():
    for name in plugins.members("degradations"):
        options, nothing = preset_schema()["$defs"][name]["anyOf"]
        assert nothing == {"type": "null"}
        assert all(each["description"] for each in options["properties"].values())
