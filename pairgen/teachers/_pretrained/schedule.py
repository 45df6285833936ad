"""Read betas and prediction from a scheduler's config. Its step rule is never used."""

from typing import cast

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
from pairgen.teachers._pretrained.quiet import quiet

PREDICTIONS = ("epsilon", "v_prediction", "sample")
# Scheduler of students that predict velocities on the straight path; its shift is not used.
FLOW_SCHEDULER = "FlowMatchEulerDiscreteScheduler"
SCHEDULER_CONFIG = "scheduler/scheduler_config.json"


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
    config = read_json(snapshot, name)
    where = snapshot.location
    if config.get("_class_name") == FLOW_SCHEDULER:
        return FlowSchedule(config.get("num_train_timesteps", 1000)), "flow"
    if "beta_schedule" not in config and "trained_betas" not in config:
        raise TeacherLoadError(
            f"{where} has no discrete schedule: its {config.get('_class_name')} has no betas."
        )
    try:
        with quiet():
            # Works for any class: all schedulers of the family compute alphas in the same way.
            scheduler = DDIMScheduler.from_config(config)
        offset = scheduler.config.steps_offset if fixed_offset is None else fixed_offset
        schedule = DiscreteSchedule(scheduler.alphas_cumprod, offset)
    except NotImplementedError:
        raise TeacherLoadError(
            f"{where} has the unknown beta_schedule {config['beta_schedule']!r}."
        ) from None
    except ValueError:
        raise TeacherLoadError(
            f"{where} has a schedule whose alphas leave [0, 1) or do not decrease, by {name}."
        ) from None
    prediction = scheduler.config.prediction_type
    if prediction not in PREDICTIONS:
        raise TeacherLoadError(
            f"{where} predicts {prediction!r}; known are {', '.join(PREDICTIONS)}."
        )
    if prediction == "epsilon" and schedule.alpha_sigma(torch.tensor(schedule.first_time))[0] == 0:
        raise TeacherLoadError(
            f"{where} predicts 'epsilon' and has rescale_betas_zero_snr: noise alone says nothing "
            "about the data, so an ODE cannot start there. Take the model's version that predicts "
            f"'v_prediction', or set it to false in {name} if the model was trained so."
        )
    return schedule, cast(Prediction, prediction)
