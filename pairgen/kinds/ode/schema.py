"""The JSON Schema of a model config, from the teachers that there are."""

from typing import Any

from pairgen import plugins
from pairgen.kinds.ode.sampler_options import SamplerOptions, SettingOptions
from pairgen.kinds.schemas import DIALECT, DOTTED, closed, or_nothing, properties
from pairgen.list_rules import Numbers
from pairgen.model_config import DTYPES, GUIDANCE_SCALES, prompt_set_names
from pairgen.options import declared
from pairgen.rules import Choice, Integer, Rule, Switch

# Options of a sampler that say which model is meant, which a model's own file cannot.
OF_MODEL = ("model", "revision")


def model_schema() -> dict[str, Any]:
    """Return the JSON Schema of a file in `configs/models/`.

    The options of pairgen's own teachers are known; those of a user's, whose name has a dot, are
    its own matter.
    """
    teachers = plugins.members("teachers")
    sampler = (*declared(SamplerOptions), *declared(SettingOptions))
    learned = {
        "guidance_scales": _told(
            Numbers(*GUIDANCE_SCALES, at_least_one="scale"), "The scales that it was trained on."
        ),
        "told": _told(Switch(), "Whether it is told the scale of each sample."),
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
                "prompts": _told(Choice(prompt_set_names()), "The packaged prompts that suit it."),
                "options": {
                    "type": ["object", "null"],
                    "description": "What the teacher is built with.",
                },
                "sampling": {
                    **or_nothing(closed(properties(e for e in sampler if e.name not in OF_MODEL))),
                    "description": "Options of a run that are others than the usual.",
                },
                "student": {
                    **or_nothing(closed(learned, required=[*learned])),
                    "description": "What a student has learned of guidance.",
                },
                "dtype": _told(Choice(DTYPES), "Of the network."),
                "batch_size": _told(Integer(1), "Samples in a batch."),
                "samples_per_shard": _told(Integer(1), "Samples in a shard."),
            },
            required=["teacher", "dtype", "batch_size", "samples_per_shard"],
        ),
        "allOf": [_options_by(teacher) for teacher in teachers],
    }


def _options_by(teacher: str) -> dict[str, Any]:
    """Return what follows for `options` where the teacher is this one."""
    options = plugins.load("teachers", teacher).OPTIONS
    return {
        "if": {"properties": {"teacher": {"const": teacher}}, "required": ["teacher"]},
        "then": {"properties": {"options": or_nothing(closed(properties(declared(options))))}},
    }


def _told(rule: Rule, description: str) -> dict[str, Any]:
    return {**rule.schema(), "description": description}
