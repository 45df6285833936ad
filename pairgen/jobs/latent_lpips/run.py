"""`pairgen train latent-lpips`: run two trainings and write a file of LPIPS."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pairgen import plugins
from pairgen.errors import ConfigError
from pairgen.execution.say import Say, log
from pairgen.execution.user_trust import trusts_user
from pairgen.jobs.latent_lpips.bapps import JudgedFiles, find_triplets, read_triplets
from pairgen.jobs.latent_lpips.card import render_card
from pairgen.jobs.latent_lpips.classification import Classifier, score_held_out
from pairgen.jobs.latent_lpips.data import LATENT, TrainingData
from pairgen.jobs.latent_lpips.fit import calibration_folder, fit_weights, open_classifier
from pairgen.jobs.latent_lpips.labels import read_classes
from pairgen.jobs.latent_lpips.options import METHOD, LatentLpipsOptions, read_options
from pairgen.jobs.latent_lpips.stage import run_stage
from pairgen.jobs.latent_lpips.triplets import (
    Measured,
    load_measured,
    measure,
    save_measured,
)
from pairgen.networks.latent_vgg import LATENT_POOLS_REMOVED, LatentVgg
from pairgen.networks.lpips import Lpips
from pairgen.networks.lpips_file import LpipsOrigin, save_lpips
from pairgen.process_state import cpu_threads, seeded
from pairgen.shards.storage.local_store import LocalStore
from pairgen.teachers.base import DecoderDescription, Teacher
from pairgen.training.loop.accelerator import open_accelerator
from pairgen.training.loop.launched import check_launched
from pairgen.training.loop.tracking import tracker_of
from pairgen.training.runs.outcome import Trained
from pairgen.training.runs.run_config import write_config
from pairgen.training.runs.run_folder import begin_run
from pairgen.training.runs.start import Run, make_setup, resolve_run
from pairgen.types import Plan, canonical_json
from pairgen.wording import counted

if TYPE_CHECKING:
    from accelerate import Accelerator

LPIPS_FILE, FIGURES_FILE, CARD_FILE = "latent_lpips.safetensors", "figures.json", "README.md"
TRIPLETS_FILE = "triplets.safetensors"


@trusts_user
def run_latent_lpips(given: Mapping[str, Any], say: Say = log) -> Trained:
    """Train the network of LPIPS on labelled latents and judged triplets, or continue a run.

    Args:
        given: Options of `pairgen.training.config.TrainConfig` and of
            `pairgen.jobs.latent_lpips.options.LatentLpipsOptions`; defaults come from
            `configs/train/latent-lpips.yaml`.
        say: Called with messages for the user.

    Raises:
        ConfigError: An option, a dataset, the triplets or the folder are wrong; nothing was
            written.
        PairgenError: A loss is not finite, or a checkpoint cannot be written.
        CorruptShardError: A shard is bad.
    """
    run = resolve_run(given if "method" in given else {**given, "method": METHOD})
    check_launched(os.environ, run.config)
    tracker_of(run.config)
    with open_accelerator() as accelerator:
        return _run(run, accelerator, say)


def _run(run: Run, accelerator: "Accelerator", say: Say) -> Trained:
    if accelerator.num_processes > 1:
        raise ConfigError(
            f"{METHOD} trains in one process, got {accelerator.num_processes}: start it without "
            "torchrun or accelerate."
        )
    config, plans, start, folder = run.config, run.plans, run.start, run.folder
    options = read_options(config)
    classes = read_classes(config.data, config.where, config.skip_bad, options.held_out)
    files = find_triplets(options.calibration, options.held_out) if options.calibration else []
    config, _, _ = begin_run(config, folder, 1, say)
    decoder: DecoderDescription = plugins.call(
        "teachers",
        start["module"],
        "describe_decoder",
        location=start["location"],
        **start["options"],
    )
    # Random initial weights.
    with cpu_threads(config.cpu_threads), seeded(config.seed):
        net = _make_net(options, plans[0], decoder.size_px)
        classifier = Classifier(net, classes.num).to(accelerator.device)
        teacher = make_setup(config, plans, start, accelerator.device, 1, say).teacher
        _check_latents(plans, teacher, start["name"])
        data = TrainingData(config, options, classes, teacher, accelerator.device)
        if not files:
            data.check_triplets()
        trainer = open_classifier(
            config,
            options,
            classifier,
            data.read,
            lambda state: data.load(state, config.batch_size),
            folder,
            accelerator,
        )
        say(
            f"{METHOD}: {counted(classes.num_samples, 'sample')} of "
            f"{counted(classes.num, 'class', 'classes')}; "
            f"{sum(each.numel() for each in net.parameters()):,} weights; 1 process on "
            f"{accelerator.device}."
        )
        folder.mkdir(parents=True, exist_ok=True)
        write_config(config, folder)
        step = run_stage(trainer)
        if step < config.steps:
            return Trained(folder, step, True)
        score = score_held_out(
            classifier,
            (data.read(batch.to(data.device)) for batch in data.every_sample()),
        )
        say(
            f"Of {score.num_samples:,} held-out samples, {score.top_1:.1%} are classified "
            f"correctly; always predicting the most frequent class would get {score.chance:.1%}."
        )
        lpips = Lpips(net)
        place = calibration_folder(folder, step)
        measured = _measured(data, net, files, decoder.size_px, place, say)
        done, agreed = fit_weights(config, options, lpips, measured, place, accelerator)
        if done < options.calibration_steps:
            return Trained(folder, step + done, True)
        say(
            f"Agreement with {agreed['held_out_triplets']:,} held-out judgements: "
            f"{agreed['before']['all']:.1%} before calibration, "
            f"{agreed['after']['all']:.1%} after."
        )
        figures = {
            "space": options.space,
            "width": options.width,
            "in_channels": net.in_channels,
            "classification": {
                "num_classes": classes.num,
                "num_samples": classes.num_samples,
                "held_out": score.num_samples,
                "top_1": score.top_1,
                "chance": score.chance,
            },
            "triplets": options.calibration or f"{options.num_triplets:,} of the set's own latents",
            **agreed,
        }
        origin = LpipsOrigin(
            made_for=canonical_json(decoder.identity),
            made_by=(
                f"pairgen train {METHOD}, {options.space}s of {start['name']}: {config.steps} "
                f"steps of {config.batch_size}, seed {config.seed}; triplets: "
                f"{figures['triplets']}"
            ),
        )
        fingerprints = [plan.fingerprint() for plan in plans]
        card = render_card(config, start["name"], fingerprints, str(folder / LPIPS_FILE), figures)
        # The weights come last: if they exist, everything does.
        store = LocalStore(folder.absolute())
        store.put_bytes(FIGURES_FILE, f"{json.dumps(figures, indent=2)}\n".encode())
        store.put_bytes(CARD_FILE, card.encode())
        store.prune()
        dtype = getattr(torch, options.weights_dtype)
        save_lpips(folder / LPIPS_FILE, lpips.cpu(), origin, dtype)
        return Trained(folder, step + done, False)


def _make_net(options: LatentLpipsOptions, plan: Plan, size_px: tuple[int, int]) -> LatentVgg:
    """Return the untrained network.

    Raises:
        ConfigError: Its inputs are too small for its pools.
    """
    channels, *size = plan.members[LATENT]["shape"]
    removed = LATENT_POOLS_REMOVED
    if options.space == "pixel":
        channels, size, removed = 3, list(size_px), 0
    net = LatentVgg(channels, options.width, removed)
    if min(size) < net.smallest_input:
        raise ConfigError(
            f"{options.space}s must be at least {net.smallest_input} high and wide for {METHOD}, "
            f"got {' x '.join(map(str, size))}."
        )
    return net


def _check_latents(plans: Sequence[Plan], teacher: Teacher, name: str) -> None:
    """Raise ConfigError if a dataset's latents do not have the model's shape."""
    for plan in plans:
        shape = tuple(plan.members[LATENT]["shape"])
        if shape != tuple(teacher.latent_shape):
            raise ConfigError(
                f"The latents of the data must be {list(teacher.latent_shape)}, as those of "
                f"{name}, got {list(shape)}."
            )


def _measured(
    data: TrainingData,
    net: LatentVgg,
    files: Sequence[JudgedFiles],
    size_px: tuple[int, int],
    folder: Path,
    say: Say,
) -> Measured:
    """Return the triplets in the network's features; measured once per number of steps."""
    path = folder / TRIPLETS_FILE
    if path.is_file():
        return load_measured(path)
    options, seed = data.options, data.config.seed
    if files:
        say(f"Measuring {len(files):,} triplets of {options.calibration}.")
        batches = read_triplets(files, size_px, data.teacher, options.space, seed)
    else:
        say(f"Making and measuring {options.num_triplets:,} triplets of the dataset's own latents.")
        batches = data.distorted()
    measured = measure(net, batches)
    save_measured(folder, TRIPLETS_FILE, measured)
    return measured
