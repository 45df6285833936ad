"""Measure the rows of a calibration: run each setting, compare it to the reference, save it."""

import hashlib
import io
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import numpy as np
import torch

from pairgen.errors import PairgenError
from pairgen.evaluation.pair_distance import relative_rms
from pairgen.execution.progress import Progress
from pairgen.jobs.calibrate.measure import Bench, Made, evaluations_of
from pairgen.kinds.ode.calibration import (
    CALIBRATION_FILE,
    CONVERGED_SHARE,
    Calibration,
    encode_calibration,
)
from pairgen.kinds.ode.pairs import is_guided
from pairgen.kinds.ode.settings import Measured, Setting, Spread
from pairgen.shards.format.slots import slot_at
from pairgen.shards.storage.store import Store
from pairgen.types import Plan
from pairgen.wording import counted


@dataclass(frozen=True)
class Job:
    """What to calibrate, and where to save it.

    Attributes:
        plans: Plans of every setting, the reference first.
        asked: Settings that may be chosen.
        prompts: Prompt index to prompt.
        store: The output folder.
    """

    plans: Mapping[Setting, Plan]
    asked: frozenset[Setting]
    prompts: Mapping[int, str]
    store: Store


def measure_missing(job: Job, found: Calibration, device: torch.device) -> Calibration:
    """Measure what is missing, dtype by dtype, and save every row as soon as it is done.

    Raises:
        PairgenError: The reference is not converged.
    """
    missing = [setting for setting in job.plans if found.row_of(setting) is None]
    reference = _read_reference(job, found)
    if missing and reference is None and found.reference not in missing:
        missing = [found.reference, *missing]
    plans = {setting: job.plans[setting] for setting in missing}
    num_planned = sum(plan.num_samples * evaluations_of(plan) for plan in plans.values())
    progress = Progress(num_planned, 0, unit="evaluations")
    try:
        for _, group in groupby(missing, key=lambda setting: setting.dtype):
            settings = list(group)
            bench = Bench(plans[settings[0]], job.prompts, device)
            for setting in settings:
                plan = plans[setting]
                made = bench.make(plan, partial(_advance, progress, 1 + is_guided(plan)))
                if setting == found.reference:
                    reference, sha256 = made.latents, _keep_reference(job, made.latents, setting)
                    found = replace(found, reference_sha256=sha256)
                assert reference is not None
                row = _row(setting, plan, made, reference, asked=setting in job.asked)
                rows = (*(each for each in found.rows if each.setting != setting), row)
                found = replace(found, rows=rows)
                job.store.put_bytes(CALIBRATION_FILE, encode_calibration(found))
                progress.note(_summary(row), logging.INFO)
                _check_converged(found)
            # Free the memory before the next one is loaded.
            del bench
    finally:
        progress.close()
    _check_converged(found)
    return replace(found, complete=True)


def _advance(progress: Progress, of_the_network: int, num_samples: int) -> None:
    progress.reached(progress.num_finished + of_the_network * num_samples)


def _row(setting: Setting, plan: Plan, made: Made, reference: np.ndarray, asked: bool) -> Measured:
    errors, num_not_finite = _errors(made.latents, reference, plan)
    return Measured(
        setting=setting,
        num_transitions=plan.resolved["num_transitions"],
        start_time=plan.resolved["times"][0],
        evaluations=evaluations_of(plan),
        errors=errors,
        num_not_finite=num_not_finite,
        samples_per_second=made.samples_per_second,
        num_timed=made.num_timed,
        asked=asked,
    )


def _summary(row: Measured) -> str:
    error = f"{counted(row.num_not_finite, 'sample is', 'samples are')} not finite"
    if row.error is not None:
        error = f"error {100 * row.error.median:.3g} %"
    return f"{row.setting}: {error}, {row.samples_per_second:.3g} samples/s"


def _reference_file(setting: Setting) -> str:
    return f"reference-{setting.steps}.npy"


def _read_reference(job: Job, found: Calibration) -> np.ndarray | None:
    """Return the saved latents of the reference; None if they must be made again."""
    plan = job.plans[found.reference]
    shape = (plan.num_samples, *plan.members["latent.npy"]["shape"])
    if found.row_of(found.reference) is None:
        return None
    try:
        data = job.store.read_bytes(_reference_file(found.reference))
        if hashlib.sha256(data).hexdigest() != found.reference_sha256:
            return None
        latents: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return latents if latents.shape == shape else None


def _keep_reference(job: Job, latents: np.ndarray, setting: Setting) -> str:
    """Save the latents that all others are compared to; return the SHA-256 of their file.

    Raises:
        PairgenError: A latent is not finite.
    """
    finite = _are_finite(latents)
    if not finite.all():
        slot = slot_at(job.plans[setting], int(np.argmin(finite)))
        raise PairgenError(
            f"The reference's latent for {job.prompts[slot.prompt_index]!r} is not finite in "
            f"{setting.dtype}, so nothing can be compared to it: leave this prompt out."
        )
    data = io.BytesIO()
    np.save(data, latents, allow_pickle=False)
    job.store.put_bytes(_reference_file(setting), data.getvalue())
    return hashlib.sha256(data.getvalue()).hexdigest()


def _are_finite(latents: np.ndarray) -> np.ndarray:
    """Return whether each latent [N, C, H, W] is finite, [N]."""
    finite: np.ndarray = np.isfinite(latents).reshape(len(latents), -1).all(axis=1)
    return finite


def _errors(
    latents: np.ndarray, reference: np.ndarray, plan: Plan
) -> tuple[dict[float, Spread] | None, int]:
    """Return the errors by guidance scale, None if a latent is not finite; and how many are not."""
    finite = _are_finite(latents)
    if not finite.all():
        return None, int((~finite).sum())
    errors = relative_rms(latents, reference)
    scales = np.array([slot_at(plan, index).guidance_scale for index in range(len(errors))])
    return {
        float(scale): Spread(
            median=float(np.median(errors[scales == scale])),
            p90=float(np.quantile(errors[scales == scale], 0.9)),
        )
        for scale in plan.recipe["guidance_scales"]
    }, 0


def _check_converged(found: Calibration) -> None:
    """Raise once it is known that the reference is not converged.

    Raises:
        PairgenError: Halving its steps changes it too much.
    """
    halved = found.halved
    if halved is None or found.converged:
        return
    far = "not finite" if halved.error is None else f"{100 * halved.error.p90:.3g} % off"
    limit = 100 * CONVERGED_SHARE * found.tolerance
    raise PairgenError(
        f"The reference is not converged: with {halved.setting.steps} instead of "
        f"{counted(found.reference.steps, 'step')} it is {far} (90th percentile), but must be "
        "within "
        f"{limit:.3g} %, a tenth of the tolerance: give --reference-steps "
        f"{2 * found.reference.steps}, or a larger --tolerance."
    )
