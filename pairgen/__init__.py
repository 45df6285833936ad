"""pairgen builds the datasets that turn a slow diffusion model into a one-step student.

`pairgen.ode(...)`, `pairgen.calibrate(...)`, `pairgen.degrade(...)`, `pairgen.train(...)`,
`pairgen.sample(...)`, `pairgen.inspect(...)`, `pairgen.verify(...)`, `pairgen.repair(...)` and
`pairgen.replay(...)` are
the commands of the same names, and `pairgen.evaluate(...)` is `pairgen eval`. `pairgen.Loader(...)`
reads what they made, batch by batch; a `pairgen.TrainingSet` is a dataset with a weight or
overlays. Importing the package loads no torch, ray, diffusers or click.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "Loader",
    "TrainingSet",
    "calibrate",
    "degrade",
    "evaluate",
    "inspect",
    "ode",
    "repair",
    "replay",
    "sample",
    "train",
    "verify",
]

# A training needs no teacher: what it takes is loaded without the commands.
_TRAINING = {
    "Loader": "pairgen.shards.loading.loader",
    "TrainingSet": "pairgen.shards.loading.training_set",
}

if TYPE_CHECKING:
    from pairgen.api import (
        calibrate,
        degrade,
        evaluate,
        inspect,
        ode,
        repair,
        replay,
        sample,
        train,
        verify,
    )
    from pairgen.shards.loading.loader import Loader
    from pairgen.shards.loading.training_set import TrainingSet


def __dir__() -> list[str]:
    """Return what is public too, though it is loaded late."""
    return sorted([*globals(), *__all__])


def __getattr__(name: str) -> Any:
    """Load the API with torch behind it when it is first used."""
    if name in _TRAINING:
        return getattr(import_module(_TRAINING[name]), name)
    if name in __all__:
        from pairgen import api

        return getattr(api, name)
    raise AttributeError(f"module 'pairgen' has no attribute {name!r}")
