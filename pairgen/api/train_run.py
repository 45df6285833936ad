"""`pairgen train`: options to a method, a method to a student."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml

from pairgen import plugins
from pairgen.api.dataset_run import Say, log
from pairgen.config import read_yaml
from pairgen.errors import ConfigError, PairgenError
from pairgen.generate.machine import device_name
from pairgen.generate.run import stop_on_signal
from pairgen.methods.base import STUDENT, Method, Setup
from pairgen.model_config import find_model
from pairgen.shards import layout
from pairgen.shards.loader import Loader
from pairgen.shards.manifest import read_plan, read_receipts
from pairgen.shards.store import open_store
from pairgen.sources.prompts import open_prompts
from pairgen.training.checkpoint import find_checkpoints, load_checkpoint, read_state
from pairgen.training.config import TrainConfig, make_train_config
from pairgen.training.export import export_student, render_card
from pairgen.training.metrics import Metrics, last_figures
from pairgen.training.progress import TrainProgress
from pairgen.training.record import TrainRecord, record_set, write_record
from pairgen.training.trainer import Trainer
from pairgen.training.validation import (
    Validation,
    load_validation,
    prepare_validation,
    save_validation,
    student_pictures,
    write_grid,
)
from pairgen.types import Plan

if TYPE_CHECKING:
    from accelerate import Accelerator

CONFIG_FILE, VALIDATION_FILE, CARD_FILE = "config.yaml", "validation.npz", "README.md"


@dataclass(frozen=True)
class Trained:
    """How a training ended.

    Attributes:
        folder: Of the run.
        step: Steps that were trained.
        interrupted: Whether the user stopped it.
    """

    folder: Path
    step: int
    interrupted: bool


def run_train(given: Mapping[str, Any], say: Say = log) -> Trained:
    """Do what `train` says, tell what it starts from, and how it ended."""
    from accelerate import Accelerator

    config = make_train_config(given)
    accelerator = Accelerator(cpu=not torch.cuda.is_available())
    if config.cpu_threads:
        torch.set_num_threads(config.cpu_threads)
    if not accelerator.is_main_process:
        say = _silent
    plans = tuple(read_plan(open_store(url)) for url in config.data)
    teacher = _teacher(config, plans[0])
    config = _with_folder(config, teacher["name"])
    folder = Path(config.out)
    config, state, checkpoint = _beginning(config, folder, accelerator.num_processes)
    # Adapters begin at random weights, the same on every rank.
    torch.manual_seed(config.seed)
    setup = _setup(config, plans, teacher, accelerator.device)
    method: Method = plugins.build("methods", config.method, setup=setup, **config.options)
    loader = _loader(config, method, accelerator, state)
    trainer = Trainer(config, method, loader, folder, accelerator)
    for player in trainer.players.values():
        if config.gradient_checkpointing:
            player.module.network.enable_gradient_checkpointing()  # type: ignore[union-attr,operator]
    if checkpoint is not None:
        load_checkpoint(checkpoint, trainer.players, method.kept())
        trainer.resumed(state)
        say(f"Continuing {folder} after step {trainer.step:,}.")
    say(
        f"{config.method}: {loader.num_samples:,} samples an epoch of {len(loader):,} steps; "
        f"{_num_parameters(trainer):,} trained parameters; {accelerator.num_processes} "
        f"process(es) on {accelerator.device}."
    )
    if accelerator.is_main_process:
        folder.mkdir(parents=True, exist_ok=True)
        _write_config(config, folder)
    accelerator.wait_for_everyone()
    return _train(config, plans[0], teacher, setup, trainer, say)


def _train(
    config: TrainConfig,
    plan: Plan,
    teacher: Mapping[str, Any],
    setup: Setup,
    trainer: Trainer,
    say: Say,
) -> Trained:
    """Train, with pictures and metrics on the first rank, and leave the student."""
    folder, main = trainer.folder, trainer.accelerator.is_main_process
    validation = _validation(config, plan, trainer, say) if main else None

    def on_grid(step: int) -> None:
        if validation is None:
            return
        with trainer.players[STUDENT].averaged():
            student = trainer.method.student()
            made = student_pictures(student, setup.teacher, validation, config.guidance_embedding)
        write_grid([validation.pictures, made], folder / f"grids/{step:08d}.png")

    progress = TrainProgress(config.steps, trainer.step, quiet=not main)
    metrics = Metrics(folder, trainer.step, config.tensorboard) if main else None
    try:
        with stop_on_signal(progress) as stop:
            trainer.train(stop.is_set, on_grid, progress, metrics)
    finally:
        progress.close()
        if metrics is not None:
            metrics.close()
    finished = trainer.step >= config.steps
    if main and finished:
        if not config.grid_every or trainer.step % config.grid_every:
            on_grid(trainer.step)
        # Before the file that makes the run a model: who finds a model finds its record.
        write_record(folder, _record(config, trainer))
        student = trainer.method.student()
        export_student(
            folder, student, trainer.players[STUDENT], teacher, config.guidance_embedding
        )
        facts = _card_facts(config, teacher, trainer, student.num_evaluations)
        (folder / CARD_FILE).write_text(render_card(facts), encoding="utf-8")
    trainer.accelerator.wait_for_everyone()
    return Trained(folder, trainer.step, not finished)


def _teacher(config: TrainConfig, plan: Plan) -> dict[str, Any]:
    """Return name, module, location and options of what the student starts from."""
    if not config.model:
        if not plan.teacher:
            raise ConfigError(
                f"model must be given: the set {config.data[0]} was made without a teacher."
            )
        return {key: plan.teacher[key] for key in ("name", "module", "location", "options")}
    model = find_model(config.model)
    return {
        "name": model.name,
        "module": model.teacher,
        "location": model.location,
        "options": dict(model.options),
    }


def _with_folder(config: TrainConfig, name: str) -> TrainConfig:
    return config if config.out else replace(config, out=f"runs/{config.method}-{name}")


def _beginning(
    config: TrainConfig, folder: Path, num_processes: int
) -> tuple[TrainConfig, dict[str, Any], Path | None]:
    """Return the resolved config, and the state and folder of the checkpoint to continue from.

    Raises:
        ConfigError: The folder holds another run, or one that was not asked to be continued.
    """
    parts = config.data_parts or num_processes
    found = find_checkpoints(folder / "checkpoints")
    path = folder / CONFIG_FILE
    if path.is_file():
        if not config.resume:
            raise ConfigError(
                f"{folder} holds a run after {len(found)} checkpoint(s): continue it with --resume,"
                " or give another --out."
            )
        before = read_yaml(path)
        parts = config.data_parts or before["data_parts"]
        config = replace(config, data_parts=parts)
        _check_same(before, _plain(config.identity()), folder)
    elif folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"{folder} holds other files: give another --out.")
    config = replace(config, data_parts=parts)
    for name, value, divisor in (
        ("data_parts", parts, num_processes),
        ("batch_size", config.batch_size, parts),
        ("batch_size", config.batch_size, num_processes * config.accumulate),
    ):
        if value % divisor:
            raise ConfigError(
                f"{name} must be a multiple of {divisor} here "
                f"({num_processes} process(es), accumulate {config.accumulate}, data_parts "
                f"{parts}), got {value}."
            )
    if config.resume and found:
        return config, read_state(found[-1]), found[-1]
    return config, {}, None


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    different = [
        f"{name} (there {before.get(name)!r}, asked {value!r})"
        for name, value in now.items()
        if before.get(name) != value
    ]
    if different:
        raise ConfigError(f"{folder} holds another run; different are: {', '.join(different)}.")


def _setup(
    config: TrainConfig, plans: tuple[Plan, ...], teacher: Mapping[str, Any], device: torch.device
) -> Setup:
    module, options = teacher["module"], dict(teacher["options"])
    where = {"location": teacher["location"], **options}
    frozen = {"device": device, "dtype": torch.float32, "negative_prompt": ""}

    def new_denoiser(guidance_embedding: bool) -> Any:
        return plugins.call(
            "teachers",
            module,
            "build_denoiser",
            device=device,
            guidance_embedding=guidance_embedding,
            **where,
        )

    def load_teacher() -> Any:
        return plugins.build("teachers", module, **where, **frozen)

    return Setup(
        plans=plans,
        teacher=plugins.build("teachers", module, with_network=False, **where, **frozen),
        load_teacher=load_teacher,
        new_denoiser=new_denoiser,
        guidance_embedding=config.guidance_embedding,
        device=device,
    )


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
        guidance_embedding=config.guidance_embedding,
        allow_shared_noise=config.allow_shared_noise,
        skip_bad=config.skip_bad,
        device=accelerator.device,
        state=state.get("loader"),
    )


def _validation(config: TrainConfig, plan: Plan, trainer: Trainer, say: Say) -> Validation | None:
    """Return what grids show, as kept by the run's beginning; None where no teacher can show it."""
    path = trainer.folder / VALIDATION_FILE
    if path.is_file():
        return load_validation(path)
    store = open_store(config.data[0])
    if plan.kind != "ode" or not store.exists(layout.PROMPTS):
        say("No grids: the first set has no prompts that its teacher could show.")
        return None
    with store.local(layout.PROMPTS) as local:
        prompts = open_prompts(local)[: config.num_grid_prompts].to_pylist()
    scales = trainer.loader.guidance_scales
    say(f"The teacher makes {len(prompts) * len(scales)} pictures to compare with.")
    try:
        validation = prepare_validation(plan, prompts, scales, trainer.accelerator.device)
    except PairgenError as error:
        say(f"No grids: {error}")
        return None
    save_validation(validation, path)
    return validation


def _card_facts(
    config: TrainConfig, teacher: Mapping[str, Any], trainer: Trainer, num_evaluations: int
) -> dict[str, Any]:
    data = []
    for url in config.data:
        store = open_store(url)
        plan, receipts = read_plan(store), read_receipts(store)
        data.append(
            {
                "url": url,
                "num_samples": sum(receipt.count for receipt in receipts),
                "fingerprint": plan.fingerprint(),
                "made": f"{plan.recipe.get('solver', plan.kind)}, "
                f"{plan.recipe.get('steps', '')} steps",
                "seconds": sum(receipt.made["seconds"] for receipt in receipts),
            }
        )
    seen = trainer.step * config.batch_size
    return {
        "method": config.method,
        "model": teacher["name"],
        "config": _plain(config.identity()) | {"steps": config.steps},
        "data": data,
        "figures": last_figures(trainer.folder),
        "guidance_scale": trainer.loader.guidance_scales[-1] if config.guidance_embedding else 1,
        "num_evaluations": num_evaluations,
        "ledger": {
            "training steps": f"{trainer.step:,}",
            "samples seen": f"{seen:,}",
            "seconds of training": f"{trainer.seconds:,.0f}",
            "seconds of making the data": f"{sum(each['seconds'] for each in data):,.0f}",
        },
    }


def _record(config: TrainConfig, trainer: Trainer) -> TrainRecord:
    return TrainRecord(
        method=config.method,
        steps=trainer.step,
        batch_size=config.batch_size,
        num_processes=trainer.accelerator.num_processes,
        seconds=round(trainer.seconds, 3),
        device=device_name(trainer.accelerator.device),
        sets=tuple(record_set(url) for url in config.data),
    )


def _write_config(config: TrainConfig, folder: Path) -> None:
    text = yaml.safe_dump(_plain(config.identity()), sort_keys=False, allow_unicode=True)
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    """Return tuples as lists, all the way down."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _num_parameters(trainer: Trainer) -> int:
    players = trainer.players.values()
    return sum(each.numel() for player in players for each in player.parameters.values())


def _silent(_: str) -> None:
    """Only the first rank speaks."""
