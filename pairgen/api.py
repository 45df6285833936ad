"""Names of earlier versions: what `pairgen.api` held lies in the folder of its job now."""

from importlib import import_module
from typing import Any

_HOMES = {
    "Calibrated": "pairgen.jobs.calibrate.run",
    "DryRun": "pairgen.execution.forecast.dry_run",
    "Evaluated": "pairgen.jobs.eval.run",
    "Inspection": "pairgen.jobs.inspect.run",
    "Replay": "pairgen.jobs.replay.outcome",
    "RunResult": "pairgen.execution.run_result",
    "Samples": "pairgen.jobs.sample.samples",
    "Trained": "pairgen.training.runs.outcome",
    "run_annotate": "pairgen.jobs.annotate.run",
    "run_annotate_dry": "pairgen.jobs.annotate.dry_run",
    "run_calibrate": "pairgen.jobs.calibrate.run",
    "run_collect": "pairgen.jobs.collect.run",
    "run_collect_dry": "pairgen.jobs.collect.dry_run",
    "run_degrade": "pairgen.jobs.degrade.run",
    "run_degrade_dry": "pairgen.jobs.degrade.dry_run",
    "run_evaluate": "pairgen.jobs.eval.run",
    "run_inspect": "pairgen.jobs.inspect.run",
    "run_latent_lpips": "pairgen.jobs.latent_lpips.run",
    "run_ode": "pairgen.jobs.ode.run",
    "run_ode_dry": "pairgen.jobs.ode.dry_run",
    "run_repair": "pairgen.jobs.repair.run",
    "run_replay": "pairgen.jobs.replay.run",
    "run_replays": "pairgen.jobs.replay.run",
    "run_sample": "pairgen.jobs.sample.run",
    "run_train": "pairgen.jobs.train.run",
    "run_verify": "pairgen.jobs.verify.run",
}


def __getattr__(name: str) -> Any:
    """Load it from where it is now."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    package = import_module("pairgen")
    if name in package.__all__:
        return getattr(package, name)
    raise AttributeError(f"module 'pairgen.api' has no attribute {name!r}")
