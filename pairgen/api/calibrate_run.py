"""`pairgen calibrate`: how near settings of the sampler come to a teacher's converged ODE."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pairgen import plugins
from pairgen.api.dataset_run import Say, log
from pairgen.errors import ConfigError, PairgenError
from pairgen.evaluation.pair_distance import relative_rms
from pairgen.generate.calibrate import Bench, Made, evaluations_of
from pairgen.generate.calibrate_config import (
    SHARED_OPTIONS,
    CalibrateConfig,
    make_calibrate_config,
)
from pairgen.generate.calibration import (
    CALIBRATION_FILE,
    CONVERGED_SHARE,
    Calibration,
    decode_calibration,
    encode_calibration,
)
from pairgen.generate.conditioning import refuse_prompts, teacher_options
from pairgen.generate.machine import device_name, versions
from pairgen.generate.pairs import is_guided
from pairgen.generate.plan import differences, make_ode_plan, prompt_source
from pairgen.generate.progress import Progress
from pairgen.model_config import ModelConfig, find_model, packaged_prompts
from pairgen.report.calibration import error_plot, markdown_page
from pairgen.report.pictures import encode_png
from pairgen.sampling.calibrate import Measured, Setting, Spread
from pairgen.shards.manifest import has_plan
from pairgen.shards.slots import slot_at
from pairgen.shards.store import LocalStore, Store, open_store
from pairgen.sources.prompts import collected_prompts, prompt_rows, read_prompts
from pairgen.teachers.base import Description
from pairgen.types import Plan

PAGE_FILE, PLOT_FILE = "calibration.md", "calibration.png"


@dataclass(frozen=True)
class Calibrated:
    """What `pairgen calibrate` found.

    Attributes:
        url: Folder with calibration.json, calibration.md, calibration.png and the latents of the
            reference.
        calibration: The content of calibration.json.
    """

    url: str
    calibration: Calibration


@dataclass(frozen=True)
class _Job:
    """What is asked of a calibration, and where it is kept.

    Attributes:
        plans: Of every setting, the reference first.
        asked: Those that may be chosen.
        prompts: Prompt index to prompt.
        store: The folder.
    """

    plans: Mapping[Setting, Plan]
    asked: frozenset[Setting]
    prompts: Mapping[int, str]
    store: Store


def run_calibrate(given: Mapping[str, Any], say: Say = log) -> Calibrated:
    """Do what `calibrate` says, and tell what it starts from."""
    config = make_calibrate_config(given)
    model = find_model(config.model)
    usual = {name: value for name, value in model.sampling.items() if name in SHARED_OPTIONS}
    config = make_calibrate_config({**usual, **given})
    store = open_store(config.out or f"data/calibration-{model.name}")
    _check_folder(store)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    job = _plan(config, model, store, say)
    found = _continue(job, _begin(config, job.plans[config.reference], device), say)
    found = _measure(job, found, device)
    _finish(store, found)
    return Calibrated(store.url, found)


def _plan(config: CalibrateConfig, model: ModelConfig, store: Store, say: Say) -> _Job:
    """Read the prompts and plan every setting, as `pairgen ode` would."""
    path = Path(config.prompts).expanduser() if config.prompts else packaged_prompts(model)
    usual = config.ode_config(config.reference)
    description: Description = plugins.call(
        "teachers", model.teacher, "describe", **teacher_options(usual, model)
    )
    _check_not_flow(model, description)
    # What is wrong with an option is found before any reading.
    one = {"sha256": "", "num_inputs": 1}
    own = make_ode_plan(replace(usual, dtype=""), model, description, one).execution["dtype"]
    halved = replace(config.reference, steps=config.reference_steps // 2)
    asked = config.settings(own)
    settings = list(dict.fromkeys([config.reference, halved, *asked]))
    for setting in settings:
        make_ode_plan(config.ode_config(setting), model, description, one)
    entries = read_prompts(path, config.column)
    with collected_prompts(entries, refuse_prompts(usual, model, description)) as (texts, summary):
        prompts = prompt_rows(texts, 0, config.num_prompts)
    source = prompt_source(path.name, summary)
    say(
        f"Prompts: {path}; {config.num_prompts:,} pairs of {len(prompts):,} prompts, guidance "
        f"{', '.join(f'{scale:g}' for scale in config.cfg)}; {summary.num_blank:,} blank lines "
        f"skipped, {len(summary.rejected):,} refused."
    )
    plans = {
        setting: make_ode_plan(config.ode_config(setting), model, description, source)
        for setting in settings
    }
    return _Job(plans=plans, asked=frozenset(asked), prompts=prompts, store=store)


def _check_not_flow(model: ModelConfig, description: Description) -> None:
    schedule = description.schedule
    alpha, _ = schedule.alpha_sigma(torch.tensor([schedule.first_time], dtype=torch.float64))
    if float(alpha) == 0:
        raise ConfigError(
            f"model must not be a flow, as {model.name} is: the reference's grid is uniform in "
            "log(alpha / sigma), which has no value where a flow starts."
        )


def _begin(config: CalibrateConfig, plan: Plan, device: torch.device) -> Calibration:
    """Return the calibration with nothing measured."""
    recipe = plan.recipe
    return Calibration(
        teacher={name: plan.teacher[name] for name in ("name", "module", "identity")},
        question={
            "guidance_scales": recipe["guidance_scales"],
            "negative_prompt": recipe["negative_prompt"],
            "end": recipe["end"],
            "seed": plan.seed,
            "num_prompts": config.num_prompts,
            "noise_generator": recipe["noise_generator"],
        },
        source=plan.source,
        made={
            "batch_size": plan.execution["batch_size"],
            "cpu_threads": plan.execution["cpu_threads"],
            "device": device_name(device),
            "versions": versions(("torch", "numpy")),
        },
        reference=config.reference,
        tolerance=config.tolerance,
    )


def _check_folder(store: Store) -> None:
    """Refuse a folder that cannot be written, or that holds what this command did not make."""
    if isinstance(store, LocalStore):
        store.check_writable()
    foreign = [name for name in store.names("") if name != "__meta__"]
    if (foreign or has_plan(store)) and not store.exists(CALIBRATION_FILE):
        raise ConfigError(f"{store.url} holds other files: give another --out.")


def _continue(job: _Job, begun: Calibration, say: Say) -> Calibration:
    """Return the calibration with the rows that stand in the folder.

    Raises:
        ConfigError: They are of another calibration.
    """
    store = job.store
    if not store.exists(CALIBRATION_FILE):
        return begun
    where = f"{store.url}/{CALIBRATION_FILE}"
    there = decode_calibration(store.read_bytes(CALIBRATION_FILE), where)
    if different := differences(there.identity(), begun.identity()):
        raise ConfigError(
            f"The folder {store.url} holds another calibration; different are: "
            f"{', '.join(different)}. Give another --out."
        )
    if there.reference != begun.reference:
        say(f"Starting again: what stands there was compared with {there.reference}.")
        return begun
    say(f"Continuing {store.url}: {len(there.rows):,} settings are measured.")
    rows = (replace(row, asked=row.asked or row.setting in job.asked) for row in there.rows)
    return replace(begun, rows=tuple(rows))


def _measure(job: _Job, found: Calibration, device: torch.device) -> Calibration:
    """Measure what is missing, dtype by dtype, and keep every row as soon as it is there.

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
                    reference = _keep_reference(job, made.latents, setting)
                assert reference is not None
                row = _row(setting, plan, made, reference, asked=setting in job.asked)
                rows = (*(each for each in found.rows if each.setting != setting), row)
                found = replace(found, rows=rows)
                job.store.put_bytes(CALIBRATION_FILE, encode_calibration(found))
                progress.note(_told(row))
                _check_converged(found)
            # Before the next one is loaded.
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


def _told(row: Measured) -> str:
    error = f"{row.num_not_finite:,} samples are not finite"
    if row.error is not None:
        error = f"{100 * row.error.median:.3g} %"
    return f"{row.setting}: {error}, {row.samples_per_second:.3g} samples/s"


def _reference_file(setting: Setting) -> str:
    return f"reference-{setting.steps}.npy"


def _read_reference(job: _Job, found: Calibration) -> np.ndarray | None:
    """Return the kept latents of the reference; None where they are to be made again."""
    plan = job.plans[found.reference]
    shape = (plan.num_samples, *plan.members["latent.npy"]["shape"])
    if found.row_of(found.reference) is None:
        return None
    try:
        data = io.BytesIO(job.store.read_bytes(_reference_file(found.reference)))
        latents: np.ndarray = np.load(data, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return latents if latents.shape == shape else None


def _keep_reference(job: _Job, latents: np.ndarray, setting: Setting) -> np.ndarray:
    """Keep the latents that all others are compared with.

    Raises:
        PairgenError: One is not finite.
    """
    finite = _are_finite(latents)
    if not finite.all():
        slot = slot_at(job.plans[setting], int(np.argmin(finite)))
        raise PairgenError(
            f"The reference's latent of {job.prompts[slot.prompt_index]!r} is not finite in "
            f"{setting.dtype}: nothing can be compared with it; leave this prompt out."
        )
    data = io.BytesIO()
    np.save(data, latents, allow_pickle=False)
    job.store.put_bytes(_reference_file(setting), data.getvalue())
    return latents


def _are_finite(latents: np.ndarray) -> np.ndarray:
    """Return for each latent [N, C, H, W] whether all of it is finite, [N]."""
    finite: np.ndarray = np.isfinite(latents).reshape(len(latents), -1).all(axis=1)
    return finite


def _errors(
    latents: np.ndarray, reference: np.ndarray, plan: Plan
) -> tuple[dict[float, Spread] | None, int]:
    """Return the errors by guidance scale, None if a latent is not finite, and how many are not."""
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
    """Raise once it is known that the reference cannot stand for the converged ODE.

    Raises:
        PairgenError: It is too far from itself at half the steps.
    """
    halved = found.halved
    if halved is None or found.converged:
        return
    far = "not finite" if halved.error is None else f"{100 * halved.error.p90:.3g} % off"
    limit = 100 * CONVERGED_SHARE * found.tolerance
    raise PairgenError(
        f"The reference is not converged: with {halved.setting.steps} instead of "
        f"{found.reference.steps} steps it is {far} (90th percentile), and must be within "
        f"{limit:.3g} %, a tenth of the tolerance: give --reference-steps "
        f"{2 * found.reference.steps}, or a larger --tolerance."
    )


def _finish(store: Store, found: Calibration) -> None:
    """Write page and plot, then the figures, which say that all is there."""
    store.put_bytes(PLOT_FILE, encode_png(error_plot(found)))
    store.put_bytes(PAGE_FILE, markdown_page(found, PLOT_FILE).encode())
    store.put_bytes(CALIBRATION_FILE, encode_calibration(found))
    store.prune()
