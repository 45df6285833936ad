"""Read betas and prediction from a scheduler's config. Its step rule is never used."""

from typing import Any, cast

import diffusers
import torch
from diffusers import DDIMScheduler

from pairgen.errors import TeacherLoadError
from pairgen.sampling.parameterization import (
    DiscreteSchedule,
    FlowSchedule,
    Prediction,
    Schedule,
)
from pairgen.teachers._pretrained.files import Snapshot, read_json
from pairgen.teachers._pretrained.folders.configs import checked, defaults, refuse
from pairgen.teachers._pretrained.quiet import quiet

PREDICTIONS = ("epsilon", "v_prediction", "sample")
# Scheduler of students that predict velocities on the straight path; its shift is not used.
FLOW_SCHEDULER = "FlowMatchEulerDiscreteScheduler"
SCHEDULER_CONFIG = "scheduler/scheduler_config.json"
# A thousand times as many as any model has: of more, the schedule alone would fill the memory.
MAX_TRAIN_STEPS = 1_000_000


def read_schedule(
    snapshot: Snapshot, name: str = SCHEDULER_CONFIG, *, fixed_offset: int | None = None
) -> tuple[Schedule, Prediction]:
    """Read alpha and sigma over time, and what the network predicts.

    Args:
        snapshot: The snapshot with the files.
        name: Name of the scheduler's config.
        fixed_offset: The model's `steps_offset`, whatever the config says; None for the config's.

    Raises:
        TeacherLoadError: The file is missing, or its schedule or prediction is not supported.
    """
    where, config = snapshot.location, read_json(snapshot, name)
    own = _own_defaults(config.get("_class_name"))
    known = checked(where, name, {**own, **config}, DDIMScheduler)
    if not 1 <= known["num_train_timesteps"] <= MAX_TRAIN_STEPS:
        wanted = f"in 1 to {MAX_TRAIN_STEPS}"
        refuse(where, name, "num_train_timesteps", known["num_train_timesteps"], wanted)
    if config.get("_class_name") == FLOW_SCHEDULER:
        return FlowSchedule(known["num_train_timesteps"]), "flow"
    if not {"beta_schedule", "trained_betas"} & {*own, *config}:
        raise TeacherLoadError(
            f"{where} has no discrete schedule: its {config.get('_class_name')} has no betas, by "
            f"{name}."
        )
    try:
        with quiet():
            # Works for any class: all schedulers of the family compute alphas in the same way.
            scheduler = DDIMScheduler.from_config({**own, **config})
        offset = known["steps_offset"] if fixed_offset is None else fixed_offset
        schedule = DiscreteSchedule(scheduler.alphas_cumprod, offset)
    except NotImplementedError:
        raise TeacherLoadError(
            f"{where} has the unknown beta_schedule {known['beta_schedule']!r}, by {name}."
        ) from None
    except ValueError:
        raise TeacherLoadError(
            f"{where} has a schedule whose alphas leave [0, 1) or do not decrease, by {name}."
        ) from None
    prediction = scheduler.config.prediction_type
    if prediction not in PREDICTIONS:
        raise TeacherLoadError(
            f"{where} predicts {prediction!r}, by prediction_type in {name}; known are "
            f"{', '.join(PREDICTIONS)}."
        )
    if prediction == "epsilon" and schedule.alpha_sigma(torch.tensor(schedule.first_time))[0] == 0:
        raise TeacherLoadError(
            f"{where} predicts 'epsilon' and has rescale_betas_zero_snr: noise alone says nothing "
            "about the data, so an ODE cannot start there. Take the model's version that predicts "
            f"'v_prediction', or set it to false in {name} if the model was trained so."
        )
    return schedule, cast(Prediction, prediction)


def _own_defaults(name: Any) -> dict[str, Any]:
    """Return what a scheduler of diffusers takes for missing keys, of those that count here."""
    cls = getattr(diffusers, name, None) if isinstance(name, str) else None
    if not (isinstance(cls, type) and issubclass(cls, diffusers.SchedulerMixin)):
        return {}
    counts = defaults(DDIMScheduler).keys()
    return {key: value for key, value in defaults(cls).items() if key in counts}
