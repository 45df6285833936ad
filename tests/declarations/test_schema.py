"""The JSON Schemas take what pairgen takes, and refuse what it refuses."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from pairgen.config import COMMANDS, packaged_configs
from pairgen.declarations.commands import OPTIONS_OF, method_options
from pairgen.declarations.schema import project_schema, recipe_schema
from pairgen.kinds import schemas
from pairgen.options import declared
from tests.docs.pages import ROOT, blocks, read

PROJECT, RECIPE = project_schema(), recipe_schema()
CLASSES = {**OPTIONS_OF, **method_options()}

SECTIONS = """
ode:
  model: sd15
  cfg: [3, 8]
  prompts: captions.parquet
  num-samples: 1000
  store_embeddings: true
degrade:
  images: [photos/, more/]
  scales: 4
  samples-per_shard: 64
train:
  data: pairs
  width: 0.5
  discriminator.lr: 0.0001
  critic.weight-decay: 0.1
  players: {critic: {betas: [0.0, 0.99]}}
  options: {anything: {of: [mine]}}
sample:
"""
FLAT = "steps: [10, 20]\nsolvers: ddim/trailing\nreference-steps: 100\ntolerance: 2%\n"


def faults(text: str, schema: dict[str, Any]) -> list[str]:
    """Return the messages of a validator."""
    found = Draft202012Validator(schema).iter_errors(yaml.safe_load(text))
    return [error.message for error in found]


@pytest.mark.parametrize("schema", [PROJECT, RECIPE], ids=["project", "recipe"])
def test_a_schema_is_one(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    references = set(re.findall(r"'\$ref': '#/([^']+)'", str(schema)))
    assert references
    for reference in references:
        found: Any = schema
        for key in reference.split("/"):
            found = found[key]


@pytest.mark.parametrize(
    "path", sorted((packaged_configs() / "train").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_packaged_recipe_is_valid(path: Path) -> None:
    assert not faults(path.read_text(encoding="utf-8"), RECIPE)


@pytest.mark.parametrize("text", [SECTIONS, FLAT, "ode:\n", "{}", "num_samples: 3\ncfg: 3,8\n"])
def test_a_project_file_is_valid(text: str) -> None:
    assert not faults(text, PROJECT)


def test_the_example_of_the_documentation_is_valid() -> None:
    examples = [
        block.text for block in blocks(read(ROOT / "docs/configure.md")) if block.language == "yaml"
    ]
    assert examples
    for text in examples:
        assert text.startswith("# yaml-language-server: $schema=")
        assert not faults(text, PROJECT)


@pytest.mark.parametrize(
    "text",
    [
        "ode: {setps: 5}",
        "ode: {steps: 0}",
        "ode: {steps: x}",
        "ode: {solver: dimm}",
        "ode: {compile: 1}",
        "ode: {trust_code: true}",
        "ode: {steps: 5}\nsteps: 5",
        "ode: {steps: 5}\ntrian: {}",
        "ode: [steps]",
        "degrade: {scales: [3]}",
        "train: {critic.lr: 11}",
        "train: {critic.momentum: 1}",
        "train: {players: {critic: {momentum: 1}}}",
        "setps: 5",
        "max_rejected: 1.5",
        "cpu-threads: 5000",
    ],
)
def test_what_is_wrong_is_refused(text: str) -> None:
    assert faults(text, PROJECT)


def test_a_recipe_is_refused_for_a_typo_and_a_value_out_of_range() -> None:
    assert faults("learning_rate: 0.1", RECIPE)
    assert faults("lr: 11", RECIPE)
    assert faults("players: {critic: {clip: -1}}", RECIPE)


@pytest.mark.parametrize("name", CLASSES)
def test_a_default_that_is_told_is_allowed_and_every_option_described(name: str) -> None:
    properties = schemas.properties(declared(CLASSES[name]))
    assert list(properties) == [each.name for each in declared(CLASSES[name])]
    for option, schema in properties.items():
        assert schema["description"], option
        if "default" in schema:
            Draft202012Validator(schema).validate(schema["default"])


def test_every_command_with_a_config_file_has_a_section() -> None:
    assert set(COMMANDS) == set(PROJECT["properties"]) <= set(OPTIONS_OF)
