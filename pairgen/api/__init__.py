"""The commands as Python calls: `pairgen.ode(...)` returns the manifest.

Each resolves its options, writes the plan, runs, and leaves a folder that explains itself.
`pairgen.sample(...)` leaves pictures instead. The functions `run_...`, one file a command, do the
same and tell what they start from and how they ended; the command line calls those.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.types import Manifest

if TYPE_CHECKING:
    from pairgen.execution.dataset import RunResult
    from pairgen.execution.forecast.dry_run import DryRun
    from pairgen.jobs.calibrate.run import Calibrated, run_calibrate
    from pairgen.jobs.degrade.dry_run import run_degrade_dry
    from pairgen.jobs.degrade.run import run_degrade
    from pairgen.jobs.eval.run import Evaluated, run_evaluate
    from pairgen.jobs.inspect.run import Inspection, run_inspect
    from pairgen.jobs.latent_lpips.run import run_latent_lpips
    from pairgen.jobs.ode.dry_run import run_ode_dry
    from pairgen.jobs.ode.run import run_ode
    from pairgen.jobs.repair.run import run_repair
    from pairgen.jobs.replay.run import Replay, run_replay, run_replays
    from pairgen.jobs.sample.run import Samples, run_sample
    from pairgen.jobs.train.run import Trained, run_train
    from pairgen.jobs.verify.run import run_verify
    from pairgen.shards.check.verify import Report


# Where each of them is; loaded when it is asked for, so that a command loads what it needs.
_HOMES = {
    "Calibrated": "calibrate_run",
    "DryRun": "dry_run",
    "Evaluated": "eval_run",
    "Inspection": "inspect_run",
    "Replay": "replay_run",
    "RunResult": "dataset_run",
    "Samples": "sample_run",
    "Trained": "train_run",
    "run_calibrate": "calibrate_run",
    "run_degrade": "degrade_run",
    "run_degrade_dry": "degrade_dry_run",
    "run_evaluate": "eval_run",
    "run_inspect": "inspect_run",
    "run_latent_lpips": "latent_lpips_run",
    "run_ode": "ode_run",
    "run_ode_dry": "ode_dry_run",
    "run_repair": "repair_run",
    "run_replay": "replay_run",
    "run_replays": "replay_run",
    "run_sample": "sample_run",
    "run_train": "train_run",
    "run_verify": "verify_run",
}

__all__ = [
    "Calibrated",
    "DryRun",
    "Evaluated",
    "Inspection",
    "Replay",
    "RunResult",
    "Samples",
    "Trained",
    "calibrate",
    "degrade",
    "evaluate",
    "inspect",
    "ode",
    "repair",
    "replay",
    "run_calibrate",
    "run_degrade",
    "run_degrade_dry",
    "run_evaluate",
    "run_inspect",
    "run_latent_lpips",
    "run_ode",
    "run_ode_dry",
    "run_repair",
    "run_replay",
    "run_replays",
    "run_sample",
    "run_train",
    "run_verify",
    "sample",
    "train",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load what runs a command when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pairgen.api' has no attribute {name!r}")
    return getattr(import_module(f"pairgen.api.{_HOMES[name]}"), name)


def ode(**options: Any) -> Manifest:
    """Turn prompts into (noise, prompt, latent) shards; continue what is there.

    Args:
        **options: The fields of `pairgen.kinds.ode.options.OdeConfig`, the same names as the
            flags of `pairgen ode`. Options that are not given come from the plan of the folder
            `out` when it has one, else from the model's config.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C.

    Raises:
        ConfigError: An option, a file or the folder is wrong; nothing was written.
        PairgenError: The run cannot go on; finished shards stay.
    """
    from pairgen.jobs.ode.run import run_ode

    return run_ode(options).manifest


def calibrate(**options: Any) -> "Calibrated":
    """Measure how near settings of the sampler come to a teacher's converged ODE.

    Args:
        **options: The fields of `pairgen.jobs.calibrate.options.CalibrateConfig`, the same names
            as the flags of `pairgen calibrate`.

    Returns:
        What was measured; `calibration.chosen` is None when no setting is within the tolerance.

    Raises:
        ConfigError: An option, a file or the folder is wrong; nothing was written.
        PairgenError: The reference is not converged, or a batch does not fit.
    """
    from pairgen.jobs.calibrate.run import run_calibrate

    return run_calibrate(options)


def degrade(**options: Any) -> Manifest:
    """Turn photographs into (HR, LR at 1/N) shards; continue what is there.

    Args:
        **options: The fields of `pairgen.kinds.degrade.options.DegradeConfig`, the same names as
            the flags of `pairgen degrade`. Options that are not given come from the plan of the
            folder `out` when it has one.

    Returns:
        The manifest. `manifest.complete` is False after Ctrl-C.

    Raises:
        ConfigError: An option, a file or the folder is wrong; nothing was written.
        PairgenError: The run cannot go on; finished shards stay.
    """
    from pairgen.jobs.degrade.run import run_degrade

    return run_degrade(options).manifest


def sample(**options: Any) -> "Samples":
    """Show what a teacher makes of prompts: a grid, or a folder of pictures.

    Picture i is the decoded latent of sample i of the dataset that `pairgen.ode` makes of the same
    options.

    Args:
        **options: The fields of `pairgen.kinds.ode.sample_options.SampleConfig`, the same names as
            the flags of `pairgen sample`. `prompts` is a file, a prompt, or a list of these.

    Raises:
        ConfigError: An option, a file or the output is wrong; nothing was written.
        PairgenError: A picture is not finite, or a batch does not fit; nothing was written. Or the
            disk is full.
    """
    from pairgen.jobs.sample.run import run_sample

    return run_sample(options)


def train(method: str, **options: Any) -> "Trained":
    """Train a student on datasets; continue a run with `resume=True`.

    Args:
        method: Member of `pairgen/methods/`, or the dotted name of your own module; or
            `latent-lpips`, which trains a perceptual network instead of a student.
        **options: The fields of `pairgen.training.config.TrainConfig`, and those of the method.
            What is not given comes from `configs/train/`.

    Raises:
        ConfigError: An option, a set or the folder is wrong; nothing was written.
        PairgenError: A loss is not finite, or a checkpoint cannot be written.
        CorruptShardError: A shard is bad.
    """
    if method == "latent-lpips":
        from pairgen.jobs.latent_lpips.run import run_latent_lpips

        return run_latent_lpips(options)
    from pairgen.jobs.train.run import run_train

    return run_train({**options, "method": method})


def evaluate(run: str | Path, **options: Any) -> "Evaluated":
    """Judge a trained student by held-out pairs, beside its teacher at several steps.

    Args:
        run: A folder of `pairgen train`, or any model.
        **options: The other fields of `pairgen.jobs.eval.options.EvalConfig`, the same names as
            the flags of `pairgen eval`; `data` must be given.

    Raises:
        ConfigError: An option, the run or the pairs are wrong, or the student was trained on them;
            nothing was written.
        PairgenError: A picture is not finite, or a batch does not fit; nothing was written.
        CorruptShardError: A shard of the pairs is bad.
    """
    from pairgen.jobs.eval.run import run_evaluate

    return run_evaluate({**options, "run": str(run)})


def verify(folder: str | Path, **options: Any) -> "Report":
    """Check every byte and number of a dataset against its plan and receipts, or part of them.

    Args:
        folder: The dataset.
        **options: The fields of `pairgen.jobs.verify.options.VerifyConfig`, the same names as
            the flags of `pairgen verify`.

    Returns:
        The report. `report.clean` speaks of what was read; `report.unread` says what was not, and
        `report.interrupted` is True after Ctrl-C.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
    """
    from pairgen.jobs.verify.run import run_verify

    return run_verify(folder, options)


def inspect(folder: str | Path, *keys: str, **options: Any) -> "Inspection":
    """Tell what is in a set, or in samples of it, as plain data; draw pictures of it.

    Args:
        folder: The dataset.
        *keys: Of samples.
        **options: `where`, `grid`, `num`, `trajectory`, `trust_code`: the same names as the flags
            of `pairgen inspect`.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong; nothing was written.
        CorruptShardError: A shard that is needed is damaged.
    """
    from pairgen.jobs.inspect.run import run_inspect

    return run_inspect(folder, keys, **options)


def replay(folder: str | Path, key: str, *, trust_code: bool = False) -> "Replay":
    """Make one sample of a set again and compare it with what is stored.

    Args:
        folder: The dataset.
        key: Of the sample.
        trust_code: Whether modules outside pairgen that the set names may be imported.

    Raises:
        ConfigError: The folder holds no set that can be replayed, or no such sample.
        CorruptShardError: Its shard is damaged.
    """
    from pairgen.jobs.replay.run import run_replay

    return run_replay(folder, key, trust_code)


def repair(folder: str | Path, **options: Any) -> Manifest:
    """Make the bad and missing shards again; good shards keep their bytes.

    Args:
        folder: The dataset.
        **options: `executor`, `num_workers`, `gpus_per_worker`, `address`, `batch_size`, as in
            `ode`.

    Raises:
        ConfigError: The folder holds no dataset, or an option is wrong.
    """
    from pairgen.jobs.repair.run import run_repair

    return run_repair(folder, options).manifest
