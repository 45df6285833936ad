"""The two trainings, for the command and for the scripts of the tiny world."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pairgen.jobs.latent_lpips.calibration import (
    Calibration,
    ChannelWeights,
    agreement,
    set_weights,
    training_tensors,
)
from pairgen.jobs.latent_lpips.classification import Classification, Classifier, Labelled
from pairgen.jobs.latent_lpips.memory import MemoryBatches
from pairgen.jobs.latent_lpips.options import LatentLpipsOptions
from pairgen.jobs.latent_lpips.stage import open_stage, run_stage
from pairgen.jobs.latent_lpips.triplets import Measured
from pairgen.networks.lpips import Lpips
from pairgen.shards.loading.batch import Batch
from pairgen.training.loop.trainer import Trainer
from pairgen.training.options import TrainConfig

if TYPE_CHECKING:
    from accelerate import Accelerator


def open_classifier(
    config: TrainConfig,
    options: LatentLpipsOptions,
    classifier: Classifier,
    read: Callable[[Batch], Labelled],
    open_batches: Callable[[Mapping[str, Any] | None], Any],
    folder: Path,
    accelerator: "Accelerator",
) -> Trainer:
    """Return the trainer of a classifier, new or continued. See `open_stage`.

    Args:
        config: Config of the training.
        options: Options of `latent-lpips`.
        classifier: Classifier, on the accelerator's device.
        read: Returns the training inputs of a batch.
        open_batches: Returns the batches from a loader state on.
        folder: Folder for metrics and checkpoints.
        accelerator: The device.
    """
    stage = Classification(classifier, read, options.max_shift)
    return open_stage(config, stage, open_batches, folder, accelerator)


def calibration_folder(folder: Path, steps: int) -> Path:
    """Return the folder of a run's calibration: weights for one net mean nothing to another one.

    Args:
        folder: The run folder.
        steps: Number of training steps of the classifier.
    """
    return folder / "calibration" / f"{steps:08d}"


def fit_weights(
    config: TrainConfig,
    options: LatentLpipsOptions,
    lpips: Lpips,
    measured: Measured,
    folder: Path,
    accelerator: "Accelerator",
) -> tuple[int, dict[str, Any]]:
    """Calibrate, or continue to; set the weights of LPIPS once all steps are done.

    Args:
        config: Config of the first training; the options of this one come from `options`.
        options: Options of `latent-lpips`.
        lpips: LPIPS with the network that measured the triplets.
        measured: The triplets; some are held out, some are not.
        folder: Folder for metrics and checkpoints.
        accelerator: The device.

    Returns:
        Number of steps done, and figures: the agreement with held-out judgements `before`, with
        equal weights for all channels, and `after`.
    """
    tensors = training_tensors(measured)
    batch_size = min(options.calibration_batch_size, len(tensors["judge"]))
    own = config.model_copy(
        update={
            "steps": options.calibration_steps,
            "batch_size": batch_size,
            "lr": options.calibration_lr,
            "lr_schedule": "cosine",
            "warmup_steps": 0,
            "weight_decay": 0.0,
            "clip": 0.0,
            "precision": "float32",
            "players": {},
        }
    )
    heads = ChannelWeights(len(measured.unrelated)).to(accelerator.device)
    before = agreement(torch.ones_like(measured.unrelated), measured)
    trainer = open_stage(
        own,
        Calibration(heads),
        lambda state: MemoryBatches(tensors, batch_size, config.seed, state),
        folder,
        accelerator,
    )
    step = run_stage(trainer)
    found = heads.weights.detach().cpu()
    set_weights(lpips, found, measured)
    after = agreement(found, measured)
    num_held_out = int(measured.held_out.sum())
    return step, {"held_out_triplets": num_held_out, "before": before, "after": after}
