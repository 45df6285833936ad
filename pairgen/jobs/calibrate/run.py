"""`pairgen calibrate`: compare sampler settings to a teacher's converged ODE."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pairgen import plugins
from pairgen.drawing.pictures import encode_png
from pairgen.errors import ConfigError
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.calibrate.options import SHARED_OPTIONS, CalibrateConfig
from pairgen.jobs.calibrate.page import error_lines, error_plot, markdown_page, verdict
from pairgen.jobs.calibrate.rows import Job, measure_missing
from pairgen.kinds.continuing import as_asked, differences
from pairgen.kinds.machine import device_name, versions
from pairgen.kinds.ode.calibration import (
    CALIBRATION_FILE,
    Calibration,
    decode_calibration,
    encode_calibration,
)
from pairgen.kinds.ode.conditioning import refuse_prompts, teacher_options
from pairgen.kinds.ode.plan import make_ode_plan, model_numbers, prompt_counts, prompt_source
from pairgen.model_config import ModelConfig, find_model, packaged_prompts, with_lora
from pairgen.option_names import option_text
from pairgen.redaction import listed_without_secrets
from pairgen.resolution import sources_of
from pairgen.shards.format.plan_file import has_plan
from pairgen.shards.storage.local_store import LocalStore
from pairgen.shards.storage.store import Store, open_store
from pairgen.shown import Picture, Shown, ShownTable, picture_in
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.prompt_values import PromptReader, describe_values, find_prompts
from pairgen.sources.prompts import collected_prompts, prompt_rows
from pairgen.teachers.base import Description
from pairgen.types import Plan
from pairgen.wording import counted

PAGE_FILE, PLOT_FILE = "calibration.md", "calibration.png"


@dataclass(frozen=True, repr=False)
class Calibrated(Shown):
    """The result of `pairgen calibrate`.

    Attributes:
        url: Folder with calibration.json, calibration.md, calibration.png and the latents of the
            reference.
        calibration: Content of calibration.json.
    """

    url: str
    calibration: Calibration

    def shown(self) -> ShownTable:
        """Return the choice and the measurements."""
        head, *rows = error_lines(self.calibration)
        return ShownTable(f"Calibrated: {self.url}. {verdict(self.calibration)}", rows, head)

    def shown_pictures(self) -> list[Picture]:
        """Return the plot."""
        return picture_in(Path(self.url) / PLOT_FILE)


@trusts_user
def run_calibrate(given: Mapping[str, Any], say: Say = log) -> Calibrated:
    """Run `calibrate`, and report what it starts from."""
    sources = sources_of(CalibrateConfig, given)
    model = with_lora(find_model(sources["model"]), sources["lora"])
    usual = {name: value for name, value in model.sampling.items() if name in SHARED_OPTIONS}
    config = sources.below(f"model {model.name}", usual).resolved().options
    store = open_store(config.out or f"data/calibration-{model.name}")
    _check_folder(store)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    job = _plan(config, model, store, say)
    found = _continue(job, _begin(config, job.plans[config.reference], device), say)
    store.remove_stale_spool()
    found = measure_missing(job, found, device)
    _finish(store, found)
    return Calibrated(store.url, found)


def _plan(config: CalibrateConfig, model: ModelConfig, store: Store, say: Say) -> Job:
    """Read the prompts and plan every setting, as `pairgen ode` would."""
    values = config.prompts or (str(packaged_prompts(model)),)
    usual = config.ode_config(config.reference)
    description: Description = plugins.call(
        "teachers", model.teacher, "describe", **teacher_options(usual.revision, model)
    )
    _check_beginning(model, description)
    # Find wrong options before reading anything.
    one = {"sha256": "", "num_inputs": 1}
    own = model_numbers(model, description, config.cfg)["dtype"]
    halved = replace(config.reference, steps=config.reference_steps // 2)
    asked = config.settings(own)
    settings = list(dict.fromkeys([config.reference, halved, *asked]))
    for setting in settings:
        make_ode_plan(config.ode_config(setting), model, description, one)
    passed_over = PassedOver()
    reader = PromptReader(find_prompts(values, config.column, note=say, passed_over=passed_over))
    refuse = refuse_prompts(usual, model, description)
    with collected_prompts(reader, refuse, config.choice) as (texts, summary):
        prompts = prompt_rows(texts, 0, config.num_prompts)
    source = prompt_source(describe_values(values), summary, config.choice)
    say(
        f"Prompts: {listed_without_secrets(values)}; "
        f"{counted(config.num_prompts, 'pair')} of {counted(len(prompts), 'prompt')}, "
        f"guidance {', '.join(f'{scale:g}' for scale in config.cfg)}; "
        f"{prompt_counts(summary)}"
    )
    if text := str(passed_over):
        say(f"Passed over: {text}.")
    plans = {
        setting: make_ode_plan(config.ode_config(setting), model, description, source)
        for setting in settings
    }
    return Job(plans=plans, asked=frozenset(asked), prompts=prompts, store=store)


def _check_beginning(model: ModelConfig, description: Description) -> None:
    schedule = description.schedule
    alpha, _ = schedule.alpha_sigma(torch.tensor([schedule.first_time], dtype=torch.float64))
    if float(alpha) == 0:
        raise ConfigError(
            f"{option_text('model')} must have an alpha above 0 at its first time, but "
            f"{model.name} has 0: the grid of the reference is uniform in log(alpha / sigma), "
            "which is infinite there."
        )


def _begin(config: CalibrateConfig, plan: Plan, device: torch.device) -> Calibration:
    """Return the calibration without measurements."""
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
    """Refuse a folder that is not writable, or that holds files this command did not make."""
    if isinstance(store, LocalStore):
        store.check_writable()
    foreign = [name for name in store.names("") if name != "__meta__"]
    if (foreign or has_plan(store)) and not store.exists(CALIBRATION_FILE):
        raise ConfigError(f"{store.url} holds other files: give another --out.")


def _continue(job: Job, begun: Calibration, say: Say) -> Calibration:
    """Return the calibration with the rows in the folder.

    Raises:
        ConfigError: They belong to another calibration.
    """
    store = job.store
    if not store.exists(CALIBRATION_FILE):
        return begun
    where = f"{store.url}/{CALIBRATION_FILE}"
    there = decode_calibration(store.read_bytes(CALIBRATION_FILE), where)
    if different := differences(there.identity(), begun.identity()):
        raise ConfigError(
            f"The folder {store.url} holds another calibration; these differ: "
            f"{', '.join(map(as_asked, different))}. Give another --out."
        )
    if there.reference != begun.reference:
        say(f"Starting over: the existing rows were compared to {there.reference}.")
        return begun
    say(
        f"Continuing {store.url}: {counted(len(there.rows), 'setting is', 'settings are')} "
        "measured."
    )
    rows = (replace(row, asked=row.asked or row.setting in job.asked) for row in there.rows)
    return replace(begun, rows=tuple(rows), reference_sha256=there.reference_sha256)


def _finish(store: Store, found: Calibration) -> None:
    """Write page and plot, then the figures, which mark the calibration as complete."""
    store.put_bytes(PLOT_FILE, encode_png(error_plot(found)))
    store.put_bytes(PAGE_FILE, markdown_page(found, PLOT_FILE).encode())
    store.put_bytes(CALIBRATION_FILE, encode_calibration(found))
    store.prune()
