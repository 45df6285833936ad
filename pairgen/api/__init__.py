"""The commands as Python calls: `pairgen.ode(...)` returns the manifest.

Each resolves its options, writes the plan, runs, and leaves a folder that explains itself.
`pairgen.sample(...)` leaves pictures instead. The functions `run_...`, one file a command, do the
same and tell what they start from and how they ended; the command line calls those.
"""

from pathlib import Path
from typing import Any

from pairgen.api.calibrate_run import Calibrated, run_calibrate
from pairgen.api.dataset_run import RunResult
from pairgen.api.degrade_dry_run import DryRun, run_degrade_dry
from pairgen.api.degrade_run import run_degrade
from pairgen.api.eval_run import Evaluated, run_evaluate
from pairgen.api.ode_run import run_ode
from pairgen.api.repair_run import run_repair
from pairgen.api.replay_run import Replay, run_replay
from pairgen.api.sample_run import Samples, run_sample
from pairgen.api.train_run import Trained, run_train
from pairgen.api.verify_run import run_verify
from pairgen.shards.verify import Report
from pairgen.types import Manifest

__all__ = [
    "Calibrated",
    "DryRun",
    "Evaluated",
    "Replay",
    "RunResult",
    "Samples",
    "Trained",
    "calibrate",
    "degrade",
    "evaluate",
    "ode",
    "repair",
    "replay",
    "run_calibrate",
    "run_degrade",
    "run_degrade_dry",
    "run_evaluate",
    "run_ode",
    "run_repair",
    "run_replay",
    "run_sample",
    "run_train",
    "run_verify",
    "sample",
    "train",
    "verify",
]


def ode(**options: Any) -> Manifest:
    """Turn prompts into (noise, prompt, latent) shards; continue what is there.

    Args:
        **options: The fields of `pairgen.generate.ode_config.OdeConfig`, the same names as the
            flags of `pairgen ode`. Options that are not given come from the plan of the folder
            `out` when it has one, else from the model's config.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C.

    Raises:
        ConfigError: An option, a file or the folder is wrong; nothing was written.
        PairgenError: The run cannot go on; finished shards stay.
    """
    return run_ode(options).manifest


def calibrate(**options: Any) -> Calibrated:
    """Measure how near settings of the sampler come to a teacher's converged ODE.

    Args:
        **options: The fields of `pairgen.generate.calibrate_config.CalibrateConfig`, the same names
            as the flags of `pairgen calibrate`.

    Returns:
        What was measured; `calibration.chosen` is None when no setting is within the tolerance.

    Raises:
        ConfigError: An option, a file or the folder is wrong; nothing was written.
        PairgenError: The reference is not converged, or a batch does not fit.
    """
    return run_calibrate(options)


def degrade(**options: Any) -> Manifest:
    """Turn photographs into (HR, LR at 1/N) shards; continue what is there.

    Args:
        **options: The fields of `pairgen.generate.degrade_config.DegradeConfig`, the same names as
            the flags of `pairgen degrade`. Options that are not given come from the plan of the
            folder `out` when it has one.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C.

    Raises:
        ConfigError: An option, a file or the folder is wrong; nothing was written.
        PairgenError: The run cannot go on; finished shards stay.
    """
    return run_degrade(options).manifest


def sample(**options: Any) -> Samples:
    """Show what a teacher makes of prompts: a grid, or a folder of pictures.

    Picture i is the decoded latent of sample i of the dataset that `pairgen.ode` makes of the same
    options.

    Args:
        **options: The fields of `pairgen.generate.sample_config.SampleConfig`, the same names as
            the flags of `pairgen sample`. `prompts` is a file, a prompt, or a list of these.

    Raises:
        ConfigError: An option, a file or the output is wrong; nothing was written.
        PairgenError: A picture is not finite, or a batch does not fit; nothing was written. Or the
            disk is full.
    """
    return run_sample(options)


def train(method: str, **options: Any) -> Trained:
    """Train a student on datasets; continue a run with `resume=True`.

    Args:
        method: Member of `pairgen/methods/`, or the dotted name of your own module.
        **options: The fields of `pairgen.training.config.TrainConfig`, and those of the method.
            What is not given comes from `configs/train/`.

    Raises:
        ConfigError: An option, a set or the folder is wrong; nothing was written.
        PairgenError: A loss is not finite, or a checkpoint cannot be written.
        CorruptShardError: A shard is bad.
    """
    return run_train({**options, "method": method})


def evaluate(run: str | Path, **options: Any) -> Evaluated:
    """Judge a trained student by held-out pairs, beside its teacher at several steps.

    Args:
        run: A folder of `pairgen train`, or any model.
        **options: The other fields of `pairgen.training.eval_config.EvalConfig`, the same names as
            the flags of `pairgen eval`; `data` must be given.

    Raises:
        ConfigError: An option, the run or the pairs are wrong, or the student was trained on them;
            nothing was written.
        PairgenError: A picture is not finite, or a batch does not fit; nothing was written.
        CorruptShardError: A shard of the pairs is bad.
    """
    return run_evaluate({**options, "run": str(run)})


def verify(folder: str | Path) -> Report:
    """Check every byte and number of a dataset against its plan and receipts.

    Raises:
        ConfigError: The folder holds no dataset.
    """
    return run_verify(folder)


def replay(folder: str | Path, key: str) -> Replay:
    """Make one sample of a degraded set again and compare it with what is stored.

    Raises:
        ConfigError: The folder holds no degraded set, or no such sample.
        CorruptShardError: Its shard is damaged.
    """
    return run_replay(folder, key)


def repair(folder: str | Path, **options: Any) -> Manifest:
    """Make the bad and missing shards again; good shards keep their bytes.

    Args:
        folder: The dataset.
        **options: `executor`, `num_workers`, `gpus_per_worker`, `address`, `batch_size`, as in
            `ode`.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
    """
    return run_repair(folder, options).manifest
