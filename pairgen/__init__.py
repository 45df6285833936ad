"""pairgen builds the datasets that turn a slow diffusion model into a one-step student.

`pairgen.ode(...)`, `pairgen.calibrate(...)`, `pairgen.degrade(...)`, `pairgen.collect(...)`,
`pairgen.annotate(...)`, `pairgen.train(...)`, `pairgen.compare(...)`, `pairgen.restore(...)`,
`pairgen.sample(...)`, `pairgen.export(...)`, `pairgen.inspect(...)`, `pairgen.report(...)`,
`pairgen.push(...)`, `pairgen.status(...)`, `pairgen.verify(...)`, `pairgen.repair(...)` and
`pairgen.replay(...)` are the commands of the same names, and `pairgen.evaluate(...)` is `pairgen
eval`. `pairgen.cluster` has a call for each verb of `pairgen cluster`. `pairgen.Loader(...)` reads
what they made, batch by batch; a `pairgen.TrainingSet` is a dataset with a weight or overlays; a
`pairgen.Restorer` restores arrays. Importing the package loads no torch, ray, diffusers or click.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "Loader",
    "Restorer",
    "TrainingSet",
    "annotate",
    "calibrate",
    "cluster",
    "collect",
    "compare",
    "degrade",
    "evaluate",
    "export",
    "inspect",
    "ode",
    "push",
    "repair",
    "replay",
    "report",
    "restore",
    "sample",
    "status",
    "train",
    "verify",
]

# Where what is public lies; loaded when it is first used, so that a command loads what it needs.
_HOMES = {
    "Loader": "pairgen.shards.loading.loader",
    "Restorer": "pairgen.jobs.restore.restorer",
    "TrainingSet": "pairgen.shards.loading.training_set",
    "annotate": "pairgen.jobs.annotate",
    "calibrate": "pairgen.jobs.calibrate",
    "cluster": "pairgen.jobs.cluster",
    "collect": "pairgen.jobs.collect",
    "compare": "pairgen.jobs.compare",
    "degrade": "pairgen.jobs.degrade",
    "evaluate": "pairgen.jobs.eval",
    "export": "pairgen.jobs.export",
    "inspect": "pairgen.jobs.inspect",
    "ode": "pairgen.jobs.ode",
    "push": "pairgen.jobs.push",
    "repair": "pairgen.jobs.repair",
    "replay": "pairgen.jobs.replay",
    "report": "pairgen.jobs.report",
    "restore": "pairgen.jobs.restore",
    "sample": "pairgen.jobs.sample",
    "status": "pairgen.jobs.status",
    "train": "pairgen.calls",
    "verify": "pairgen.jobs.verify",
}


def __dir__() -> list[str]:
    """Return what is public too, though it is loaded late."""
    return sorted([*globals(), *__all__])


def __getattr__(name: str) -> Any:
    """Load what is public when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pairgen' has no attribute {name!r}")
    home = import_module(_HOMES[name])
    # A folder of calls is public itself.
    return getattr(home, name, home)
