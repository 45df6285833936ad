"""Check the stages of a chain before the first of them is trained."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from pairgen.errors import ConfigError
from pairgen.jobs.train.chain_stages import Stage
from pairgen.methods._images.nested_levels import check_nested
from pairgen.methods._images.pairs import lr_member
from pairgen.model_config import MODEL_FILE, RUN_FILE, find_model
from pairgen.networks.lpips_file import load_lpips
from pairgen.training.data.image_sizes import check_encodable, check_image_sizes
from pairgen.training.data.needs import check_needs, stated_needs
from pairgen.training.data.offered import common_members, open_offered, plans_with
from pairgen.training.runs.alike import check_models_alike, start_of
from pairgen.training.runs.frozen import find_perceptual
from pairgen.training.runs.record import read_record
from pairgen.training.runs.run_folder import check_continues
from pairgen.training.runs.start import (
    check_trainable,
    resolve_method_options,
    resolve_run,
)


def check_stages(stages: Sequence[Stage]) -> None:
    """Check what a stage would refuse once those before it are trained.

    That is its options, data, model and perceptual network, and that its folder holds this run or
    none.

    Raises:
        ConfigError: A stage refuses something.
    """
    starts: dict[Path, Mapping[str, Any]] = {}
    for stage in stages:
        starts[stage.folder] = start = _check(stage)
        for run in map(Path, stage.learns_from):
            # One that the chain starts from is there already.
            before = starts[run] if run in starts else start_of(find_model(str(run.absolute())))
            check_models_alike(str(run), before, start)


def check_order(stages: Sequence[Stage], finished: Sequence[bool]) -> None:
    """Refuse to train a stage on that another one was begun with.

    Raises:
        ConfigError: There is one.
    """
    for (stage, after), is_finished in zip(pairwise(stages), finished, strict=False):
        if not is_finished and (after.folder / RUN_FILE).is_file():
            raise ConfigError(
                f"{stage.folder} has steps left to train, but {after.folder} has started from its "
                f"present weights: give it no more steps, remove {after.folder}, or give another "
                "--out."
            )


def is_finished(stage: Stage) -> bool:
    """Whether a stage has a student of as many steps as it is asked for."""
    record = read_record(stage.folder) if (stage.folder / MODEL_FILE).is_file() else None
    return record is not None and record.steps >= resolve_run(stage.options).config.steps


def _check(stage: Stage) -> Mapping[str, Any]:
    """Check a stage by itself, and return its model."""
    run = resolve_run(stage.options)
    check_trainable(run.start)
    config = resolve_method_options(run.config)
    sets = open_offered(config.data, run.plans)
    check_needs(config.method, config.options, sets, config.model)
    given = (config.method, config.options, sets, config.crop)
    check_image_sizes(*given)
    check_encodable(*given, run.start, common_members(sets))
    if stage.options.get("teacher"):
        check_nested(plans_with(sets, lr_member(stage.options["scale"])))
    needs = stated_needs(config.method, config.options)
    if needs is not None and needs.perceptual:
        channels = needs.perceptual
        location, _ = find_perceptual(run.start, config.options["perceptual"], channels)
        load_lpips(location, channels, torch.device("cpu"))
    if (stage.folder / RUN_FILE).is_file():
        check_continues(config, stage.folder, resolve_method_options)
    return run.start
