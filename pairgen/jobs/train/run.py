"""`pairgen train`: from options to a method, from a method to a student."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pairgen import plugins
from pairgen.errors import PairgenError
from pairgen.execution.run import stop_on_signal
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.train.card import render_card
from pairgen.jobs.train.page import write_run_page
from pairgen.kinds.machine import device_name
from pairgen.methods.base import STUDENT, Method
from pairgen.model_config import MODEL_FILE
from pairgen.model_files import remove_hashes, write_hashes
from pairgen.own_code.modules import parts_in
from pairgen.own_code.record import NOT_RECORDED
from pairgen.process_state import cpu_threads, seeded
from pairgen.shards.loading.loader import Loader
from pairgen.shards.loading.whole_image import changes_of_images, check_caches
from pairgen.teachers.base import FreesTextEncoders
from pairgen.training.data.image_sizes import check_encodable, check_image_sizes
from pairgen.training.data.needs import check_needs, stated_members
from pairgen.training.data.offered import TEXT, offer_members, open_offered
from pairgen.training.loop.accelerator import open_accelerator
from pairgen.training.loop.checkpoint import load_checkpoint
from pairgen.training.loop.code import CodeOfTraining
from pairgen.training.loop.launched import check_launched
from pairgen.training.loop.metrics import Metrics, last_figures
from pairgen.training.loop.player import count_weights
from pairgen.training.loop.progress import STOPPING, TrainProgress
from pairgen.training.loop.recomputation import enable_gradient_checkpointing
from pairgen.training.loop.tracking import Tracking, tracker_of
from pairgen.training.loop.trainer import Trainer
from pairgen.training.options import TrainConfig
from pairgen.training.runs.export import export_student, is_trained
from pairgen.training.runs.finished_run import LAST_WEIGHTS_FILE
from pairgen.training.runs.outcome import Trained
from pairgen.training.runs.record import TrainRecord, record_set, records_before, write_record
from pairgen.training.runs.run_config import write_config
from pairgen.training.runs.run_folder import begin_run
from pairgen.training.runs.start import (
    Run,
    check_trainable,
    make_setup,
    resolve_method_options,
    resolve_run,
)
from pairgen.training.students.chosen import kind_of
from pairgen.training.students.grid_file import write_grid
from pairgen.training.students.kind import StudentKind, StudentRun
from pairgen.wording import counted

if TYPE_CHECKING:
    from accelerate import Accelerator

CARD_FILE = "README.md"


@trusts_user
def run_train(given: Mapping[str, Any], say: Say = log) -> Trained:
    """Run `train`; report its inputs and return its result."""
    run = resolve_run(given)
    check_trainable(run.start)
    check_launched(os.environ, run.config)
    tracker_of(run.config)
    with open_accelerator() as accelerator:
        return _run(run, accelerator, say if accelerator.is_main_process else _silent)


def _run(run: Run, accelerator: "Accelerator", say: Say) -> Trained:
    plans, start, folder = run.plans, run.start, run.folder
    config = resolve_method_options(run.config)
    config, state, checkpoint = begin_run(
        config, folder, accelerator.num_processes, say, resolve_method_options
    )
    # The first rank writes to the folder only after every rank has read it.
    accelerator.wait_for_everyone()
    # Adapters are initialized at random, equally on every rank.
    with cpu_threads(config.cpu_threads), seeded(config.seed):
        sets = open_offered(config.data, plans)
        check_needs(config.method, config.options, sets, config.model)
        given = (config.method, config.options, sets, config.crop)
        check_image_sizes(*given)
        changes = changes_of_images(config.crop, config.flip)
        offered = offer_members(sets, start, config.skip_bad, _begun_with(state), changes)
        check_encodable(*given, start, offered.members)
        setup = make_setup(
            config,
            plans,
            start,
            accelerator.device,
            accelerator.num_processes,
            say,
            offered.members,
            sets,
        )
        method: Method = plugins.build("methods", config.method, setup=setup, **config.options)
        if about := offered.about(method.fields, stated_members(config.method, config.options)):
            say(about)
        if TEXT in method.fields:
            # Loads the text encoders now, so that what is wrong with them is found before a step.
            _ = setup.teacher.negative
        loader = _loader(config, method, accelerator, state)
        code = _code(config, start, state, folder, say)
        trainer = Trainer(config, method, loader, folder, accelerator, setup.files, code)
        check_caches(
            method.fields,
            [plan.kind for plan in plans],
            encoder_trained=any(is_trained(each.encoder) for each in setup.autoencoders),
        )
        if config.gradient_checkpointing:
            # Gradients flow through the student's network, also where its branch alone is trained.
            networks: list[Any] = [*method.players().values(), method.student().denoiser]
            enable_gradient_checkpointing(networks, setup.autoencoders)
        if checkpoint is not None:
            load_checkpoint(checkpoint, trainer.players, method.kept(), state)
            trainer.resumed(state)
            say(f"Continuing {folder} after step {trainer.step:,}.")
        num_trained = sum(player.num_trained for player in trainer.players.values())
        processes = counted(accelerator.num_processes, "process", "processes")
        say(
            f"{config.method}: {counted(loader.num_samples, 'sample')}, "
            f"{counted(len(loader), 'batch', 'batches')} per epoch; "
            f"{counted(num_trained, 'trainable parameter')}; {processes} on {accelerator.device}."
        )
        student_run = StudentRun(
            config=config,
            folder=folder,
            teacher=setup.teacher,
            module=start["module"],
            guidance_scales=loader.guidance_scales,
        )
        # It checks what the method says of its student, before anything is written.
        kind = kind_of(method.student(), student_run)
        if accelerator.is_main_process:
            folder.mkdir(parents=True, exist_ok=True)
            write_config(config, folder)
        accelerator.wait_for_everyone()
        before = records_before(setup.runs, say)
        shown = _find_shown(kind, say) if accelerator.is_main_process else None
        reads_texts = any(field.endswith("txt") for field in method.fields)
        if not reads_texts and isinstance(setup.teacher, FreesTextEncoders):
            # Every later prompt is stored, or encoded by now.
            setup.teacher.free_text_encoders()
        return _train(replace(run, config=config), kind, method, trainer, before, shown, say)


def _train(
    run: Run,
    kind: StudentKind,
    method: Method,
    trainer: Trainer,
    before: tuple[TrainRecord, ...],
    shown: Any,
    say: Say,
) -> Trained:
    """Train, with grids and metrics on the first rank, and export the student."""
    config, start = run.config, run.start
    folder, main = trainer.folder, trainer.accelerator.is_main_process

    def on_grid(step: int) -> None:
        if shown is None:
            return
        try:
            with trainer.players[STUDENT].averaged():
                rows = kind.grid_rows(method.student(), shown)
            grid = folder / f"grids/{step:08d}.png"
            write_grid(rows, grid)
            if metrics is not None:
                metrics.picture(step, grid)
        except (PairgenError, torch.OutOfMemoryError) as error:
            # A grid must not cost the run.
            say(f"No grid after step {step:,}: {error}")

    progress = TrainProgress(config.steps, trainer.step, quiet=not main)
    metrics = None
    if main:
        metrics = Metrics(folder, trainer.step, Tracking(config, folder, trainer.step))
    try:
        with stop_on_signal(progress, STOPPING) as stop:
            trainer.train(stop.is_set, on_grid, progress, metrics)
        finished = trainer.step >= config.steps
        if main and finished and (not config.grid_every or trainer.step % config.grid_every):
            on_grid(trainer.step)
    finally:
        progress.close()
        if metrics is not None:
            metrics.close()
    if later := trainer.code.later():
        say(f"Imported after the first step, so not recorded: {', '.join(later)}.")
    if main and finished:
        # Written before the file that makes the run a model, so that every model has its record.
        record = _record(config, method, trainer, before)
        write_record(folder, record)
        student = method.student()
        facts = kind.model_facts(student)
        remove_hashes(folder)
        export_student(folder, student, trainer.players[STUDENT], start, facts)
        write_hashes(folder, ("student", MODEL_FILE, LAST_WEIGHTS_FILE))
        figures = last_figures(folder)
        model = (start["name"], run.model_license)
        card = render_card(config, *model, record, figures, kind.usage(student))
        (folder / CARD_FILE).write_text(card, encoding="utf-8")
        write_run_page(folder, say)
    trainer.accelerator.wait_for_everyone()
    return Trained(folder, trainer.step, not finished, main, kind.next_command)


def _code(
    config: TrainConfig, start: Mapping[str, Any], state: Mapping[str, Any], folder: Path, say: Say
) -> CodeOfTraining:
    """Return the user's own code of a run, compared with that of its checkpoint.

    Raises:
        ChangedCodeError: It has changed, and that is not accepted.
    """
    parts = parts_in(config.method, start["module"])
    before = state.get("code", {})
    code = CodeOfTraining(parts, before, config.accept_changed_code, str(folder))
    if code.changes:
        say(f"Changed code is accepted: {', '.join(code.changes)}.")
    elif parts and state and not code.is_recorded:
        say(f"{folder} {NOT_RECORDED}")
    return code


def _begun_with(state: Mapping[str, Any]) -> set[str] | None:
    """Return the fingerprints of what a run that continues reads; None for a new one."""
    if not state:
        return None
    return {each for found in state["loader"]["sets"] for each in found["fingerprints"]}


def _loader(
    config: TrainConfig, method: Method, accelerator: "Accelerator", state: Mapping[str, Any]
) -> Loader:
    return Loader(
        config.data,
        fields=method.fields,
        facts=method.facts,
        batch_size=config.batch_size // accelerator.num_processes,
        seed=config.seed,
        window=config.window,
        rank=accelerator.process_index,
        world_size=accelerator.num_processes,
        num_parts=config.data_parts,
        where=config.where or None,
        crop=config.crop,
        flip=config.flip,
        guidance_embedding=config.guidance_embedding,
        allow_shared_noise=config.allow_shared_noise,
        skip_bad=config.skip_bad,
        device=accelerator.device,
        state=state.get("loader"),
    )


def _find_shown(kind: StudentKind, say: Say) -> Any:
    """Return what validation grids show; a run can continue without them."""
    say(kind.announcement)
    try:
        return kind.find_shown()
    except PairgenError as error:
        say(f"Continuing without validation grids: {error}")
        return None


def _record(
    config: TrainConfig, method: Method, trainer: Trainer, before: tuple[TrainRecord, ...]
) -> TrainRecord:
    # The network runs also where a branch beside it, or a decoder behind it, is trained alone.
    networks: list[Any] = [method.student().denoiser, trainer.players[STUDENT].module]
    return TrainRecord(
        method=config.method,
        steps=trainer.step,
        batch_size=config.batch_size,
        num_processes=trainer.accelerator.num_processes,
        seconds=round(trainer.seconds, 3),
        device=device_name(trainer.accelerator.device),
        sets=tuple(record_set(url) for url in config.data),
        evaluations_per_sample=method.evaluations,
        files=trainer.files,
        name=trainer.folder.absolute().name,
        before=before,
        num_trained=trainer.players[STUDENT].num_trained,
        num_weights=count_weights(networks),
        code=trainer.code.record,
    )


def _silent(_: str) -> None:
    """Print nothing: only the first rank reports."""
