"""How near a set's end points are to the converged ODE: what its plan and card say of it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from pairgen.errors import ConfigError
from pairgen.kinds.continuing import differences
from pairgen.kinds.ode.calibration import Calibration
from pairgen.kinds.ode.settings import Setting
from pairgen.types import Plan


def chosen_options(calibration: Calibration | None) -> dict[str, Any]:
    """Return the options of `pairgen ode` that a calibration gives; none without one."""
    return asdict(calibration.chosen.setting) if calibration and calibration.chosen else {}


def check_calibrated(calibration: Calibration, plan: Plan) -> None:
    """Raise unless a calibration is of what a plan samples.

    Raises:
        ConfigError: The model, the guidance scales or the negative prompt differ; each is named.
    """
    there, asked = calibration.teacher, plan.teacher
    if there["module"] != asked["module"]:
        found = [f"model (there {there['name']}, asked {asked['name']})"]
    else:
        found = differences(there["identity"], dict(asked["identity"]), "model")
    question, recipe = calibration.question, plan.recipe
    for name, of in (("guidance_scales", sorted), ("negative_prompt", str)):
        found += differences(of(question[name]), of(recipe[name]), name)
    if found:
        raise ConfigError(
            f"The calibration is not of what is to be sampled; different are: {', '.join(found)}."
        )


def with_accuracy(plan: Plan, calibration: Calibration | None, old: Plan | None) -> Plan:
    """Return the plan with what its end points are: how near to the converged ODE, as measured.

    Not part of the plan's identity: the samples are the same, whoever measured them.

    Args:
        plan: Of an ODE set.
        calibration: That the run starts from, checked; None for none.
        old: Plan of the folder, which remembers an earlier calibration.
    """
    accuracy: Mapping[str, Any] | None = old.resolved.get("calibration") if old else None
    if calibration is not None:
        accuracy = _accuracy(plan, calibration)
    told: dict[str, Any] = {"end_points": _end_points(plan, accuracy)}
    if accuracy is not None:
        told["calibration"] = accuracy
    return replace(plan, resolved={**plan.resolved, **told})


def _accuracy(plan: Plan, calibration: Calibration) -> dict[str, Any]:
    """Return what a calibration says of the plan's setting."""
    setting = Setting(
        **{name: plan.recipe[name] for name in ("solver", "spacing", "steps", "end")},
        dtype=plan.execution["dtype"],
    )
    row = calibration.row_of(setting)
    # Times of a trajectory may have been inserted: then it is another grid.
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
    """Return in words what the latents of a set are."""
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
