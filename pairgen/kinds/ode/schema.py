"""The JSON Schema of a model config, built from the available teachers."""

from typing import Any

from pairgen import plugins
from pairgen.kinds.ode.sampler_options import SamplerOptions, SettingOptions
from pairgen.kinds.schemas import DIALECT, DOTTED, closed, or_nothing, properties
from pairgen.list_rules import Numbers
from pairgen.model_config import DTYPES, GUIDANCE_SCALES, prompt_set_names
from pairgen.options import declared
from pairgen.rules import Choice, Integer, Rule, Switch

# Sampler options that select the model: a model's own file cannot contain them.
OF_MODEL = ("model", "revision")


def model_schema() -> dict[str, Any]:
    """Return the JSON Schema of a file in `configs/models/`.

    The options of pairgen's own teachers are checked; those of a user's, whose name has a dot, are
    not.
    """
    teachers = plugins.members("teachers")
    sampler = (*declared(SamplerOptions), *declared(SettingOptions))
    learned = {
        "guidance_scales": _described(
            Numbers(*GUIDANCE_SCALES, at_least_one="scale"),
            "The guidance scales that it was trained on.",
        ),
        "told": _described(Switch(), "Whether the network is given the scale of each sample."),
    }
    return {
        "$schema": DIALECT,
        "title": "A model of pairgen",
        **closed(
            {
                "teacher": {
                    "anyOf": [{"enum": teachers}, {"type": "string", "pattern": DOTTED}],
                    "description": "A teacher of pairgen, or the dotted name of a module.",
                },
                "location": {
                    "type": ["string", "null"],
                    "description": "A folder, a hub id, or nothing for a teacher without weights.",
                },
                "license": {
                    "type": "string",
                    "description": "Name of the license of the weights, for the cards of students.",
                },
                "prompts": _described(
                    Choice(prompt_set_names()), "The packaged prompts that suit the model."
                ),
                "options": {
                    "type": ["object", "null"],
                    "description": "Options of the teacher.",
                },
                "sampling": {
                    **or_nothing(closed(properties(e for e in sampler if e.name not in OF_MODEL))),
                    "description": "Options of a run whose defaults differ for this model.",
                },
                "student": {
                    **or_nothing(closed(learned, required=[*learned])),
                    "description": "How a student was trained with guidance.",
                },
                "dtype": _described(Choice(DTYPES), "Precision of the network."),
                "batch_size": _described(Integer(1), "Samples per batch."),
                "samples_per_shard": _described(Integer(1), "Samples per shard."),
            },
            required=["teacher", "dtype", "batch_size", "samples_per_shard"],
        ),
        "allOf": [_options_by(teacher) for teacher in teachers],
    }


def _options_by(teacher: str) -> dict[str, Any]:
    """Return the schema of `options` that applies if the teacher is this one."""
    options = plugins.load("teachers", teacher).OPTIONS
    return {
        "if": {"properties": {"teacher": {"const": teacher}}, "required": ["teacher"]},
        "then": {"properties": {"options": or_nothing(closed(properties(declared(options))))}},
    }


def _described(rule: Rule, description: str) -> dict[str, Any]:
    return {**rule.schema(), "description": description}
