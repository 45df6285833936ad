"""The command that makes a dataset or a run, as far as their files tell it."""

import shlex
from collections.abc import Collection, Mapping
from typing import Any

import yaml

from pairgen.config import packaged_configs
from pairgen.kinds.collect.options import CollectConfig
from pairgen.kinds.degrade.options import DegradeConfig
from pairgen.kinds.ode.options import OdeConfig
from pairgen.options import Options, declared
from pairgen.pages.input_flags import input_values
from pairgen.training.options import TrainConfig
from pairgen.types import Plan

# The options of the commands that make datasets, by kind; those of an overlay are in its parent's.
OPTIONS: Mapping[str, type[Options]] = {
    "ode": OdeConfig,
    "degrade": DegradeConfig,
    "collect": CollectConfig,
}
# What a model may set itself, so that no default of the option says it.
OF_THE_MODEL = ("cfg", "steps", "solver", "spacing", "end")

# What is no option of a training's own: told otherwise, or by what it runs on.
NOT_FLAGS = ("method", "out", "options", "players", "cpu_threads", "data_parts")


def set_command(plan: Plan, folder: str) -> str:
    """Return the command that makes a dataset; empty for a kind that has none of its own.

    The places of its inputs are not kept: only their name is, behind `PATH`. A set of images that
    has grown since it was begun is made by this command alone up to there.
    """
    options = OPTIONS.get(plan.kind)
    if options is None:
        return ""
    recipe = {name: each for name, each in plan.recipe.items() if name != "num_images"}
    values = {
        **recipe,
        **input_values(plan),
        "seed": plan.seed,
        "num_samples": plan.num_samples,
        "samples_per_shard": plan.samples_per_shard,
    }
    if plan.kind == "ode":
        values |= {"model": plan.teacher.get("name", ""), "cfg": plan.recipe["guidance_scales"]}
    words = ["pairgen", plan.kind, *_flags(options, values, {}, OF_THE_MODEL), "--out", folder]
    return shlex.join(words)


def train_command(config: Mapping[str, Any], folder: str) -> str:
    """Return the command of a training.

    Args:
        config: Content of its config.yaml.
        folder: Its folder.
    """
    method = str(config.get("method", ""))
    path = packaged_configs() / f"train/{method}.yaml"
    recipe = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    values = {name: value for name, value in config.items() if name not in NOT_FLAGS}
    words = ["pairgen", "train", method, *_flags(TrainConfig, values, recipe, ("data", "steps"))]
    given = config.get("options")
    for name, value in (given if isinstance(given, Mapping) else {}).items():
        if name in recipe and recipe[name] != value:
            words += ["--set", f"{name}={_text(value)}"]
    return shlex.join([*words, "--out", folder])


def _flags(
    options: type[Options],
    values: Mapping[str, Any],
    own: Mapping[str, Any],
    always: Collection[str],
) -> list[str]:
    """Return the flags of values that are not the default.

    Args:
        options: The class that declares the options.
        values: Values by name; others are left out.
        own: Defaults that come before those of the class.
        always: Names whose values are always told.
    """
    words = []
    for each in declared(options):
        value, default = values.get(each.name), own.get(each.name, each.default)
        if value in (None, "", [], ()) or (
            _plain(value) == _plain(default) and each.name not in always
        ):
            continue
        flag = "--" + each.name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif not each.option.flag:
            words += ["--set", f"{each.name}={_text(value)}"]
        elif each.name == "data":
            words += [word for url in value for word in (flag, str(url))]
        elif not isinstance(value, Mapping):
            words += [flag, _text(value)]
    return words


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
