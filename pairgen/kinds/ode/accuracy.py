"""How close end points are to the converged ODE, as a dataset's plan and card state it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pairgen.errors import ConfigError
from pairgen.kinds.continuing import as_asked, differences
from pairgen.kinds.ode.calibration import Calibration
from pairgen.kinds.ode.settings import Setting
from pairgen.types import Plan


def chosen_options(calibration: Calibration | None) -> dict[str, Any]:
    """Return the options of `pairgen ode` that a calibration chose; empty without one."""
    return asdict(calibration.chosen.setting) if calibration and calibration.chosen else {}


def check_calibrated(calibration: Calibration, plan: Plan) -> None:
    """Check that a calibration applies to what a plan samples.

    Raises:
        ConfigError: The model, the guidance scales or the negative prompt differ; the message names
            each difference.
    """
    old, new = calibration.teacher, plan.teacher
    if old["module"] != new["module"]:
        found = [f"model (was {old['name']}, got {new['name']})"]
    else:
        found = differences(old["identity"], dict(new["identity"]), "model")
    question, recipe = calibration.question, plan.recipe
    for name, of in (("guidance_scales", sorted), ("negative_prompt", str)):
        found += differences(of(question[name]), of(recipe[name]), name)
    if found:
        raise ConfigError(
            "The calibration is for other options; these differ: "
            f"{', '.join(map(as_asked, found))}."
        )


def with_accuracy(plan: Plan, calibration: Calibration | None, old: Plan | None) -> Plan:
    """Return the plan with the measured distance of its end points from the converged ODE.

    The distance is not part of the plan's identity: the samples are the same without it.

    Args:
        plan: Plan of an ODE dataset.
        calibration: The calibration that the run uses, already checked; None for none.
        old: Plan of the folder, which remembers an earlier calibration.
    """
    accuracy: Mapping[str, Any] | None = old.resolved.get("calibration") if old else None
    if calibration is not None:
        accuracy = _accuracy(plan, calibration)
    added: dict[str, Any] = {"end_points": _end_points(plan, accuracy)}
    if accuracy is not None:
        added["calibration"] = accuracy
    return replace(plan, resolved={**plan.resolved, **added})


def _accuracy(plan: Plan, calibration: Calibration) -> dict[str, Any]:
    """Return what a calibration measured for the plan's setting."""
    setting = Setting(
        **{name: plan.recipe[name] for name in ("solver", "spacing", "steps", "end")},
        dtype=plan.execution["dtype"],
    )
    row = calibration.row_of(setting)
    # If times of a trajectory were inserted, the grid is a different one.
    same_grid = row is not None and row.num_transitions == plan.resolved["num_transitions"]
    error = row.error if row is not None and same_grid else None
    return {
        "setting": asdict(setting),
        "error": None if error is None else asdict(error),
        "tolerance": calibration.tolerance,
        "num_prompts": calibration.question["num_prompts"],
        "reference": str(calibration.reference),
    }


def _end_points(plan: Plan, accuracy: Mapping[str, Any] | None) -> str:
    """Describe a dataset's latents in words."""
    recipe = plan.recipe
    name = f"{recipe['solver']}, {recipe['spacing']}, {recipe['steps']} steps"
    if (recipe["solver"], recipe["steps"]) == ("ddim", 50):
        name = f"DDIM-50 as published ({recipe['spacing']} grid)"
    if accuracy is None:
        return f"{name}; the distance from the converged ODE was not measured"
    if accuracy["error"] is None:
        name += f", end {recipe['end']}, {accuracy['setting']['dtype']}"
        if recipe["trajectory"]:
            name += ", the trajectory's times inserted"
        return f"{name}; not among the settings whose distance from the converged ODE was measured"
    error, tolerance = accuracy["error"], accuracy["tolerance"]
    within = "within" if error["median"] <= tolerance else "not within"
    return (
        f"the converged ODE to {100 * error['median']:.3g} % (relative RMSE, median of "
        f"{accuracy['num_prompts']:,} pairs; 90th percentile {100 * error['p90']:.3g} %), {within} "
        f"the tolerance of {100 * tolerance:.3g} %; {accuracy['setting']['dtype']}, against "
        f"{accuracy['reference']}"
    )
