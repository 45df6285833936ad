"""Read betas and prediction from a scheduler's config. Its step rule is never used."""

from typing import cast

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


def read_schedule(snapshot: Snapshot, name: str = SCHEDULER_CONFIG) -> tuple[Schedule, Prediction]:
    """Read alpha and sigma over time, and what the network predicts.

    Args:
        snapshot: The snapshot with the files.
        name: Name of the scheduler's config.

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
        schedule = DiscreteSchedule(scheduler.alphas_cumprod)
    except NotImplementedError:
        raise TeacherLoadError(
            f"{where} has the unknown beta_schedule {config['beta_schedule']!r}."
        ) from None
    except ValueError:
        zero_snr = config.get("rescale_betas_zero_snr", False)
        why = " because of rescale_betas_zero_snr" if zero_snr else ""
        raise TeacherLoadError(
            f"{where} has a schedule whose alphas leave (0, 1){why}: at alpha = 0 the state says "
            "nothing about the data, so an ODE cannot start there."
        ) from None
    prediction = scheduler.config.prediction_type
    if prediction not in PREDICTIONS:
        raise TeacherLoadError(
            f"{where} predicts {prediction!r}; known are {', '.join(PREDICTIONS)}."
        )
    return schedule, cast(Prediction, prediction)
