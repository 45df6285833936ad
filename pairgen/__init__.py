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

# Where what is public lies; loaded when it is first used, so that a command loads what it needs.
_HOMES = {
    "Loader": "pairgen.shards.loading.loader",
    "TrainingSet": "pairgen.shards.loading.training_set",
    "calibrate": "pairgen.jobs.calibrate",
    "degrade": "pairgen.jobs.degrade",
    "evaluate": "pairgen.jobs.eval",
    "inspect": "pairgen.jobs.inspect",
    "ode": "pairgen.jobs.ode",
    "repair": "pairgen.jobs.repair",
    "replay": "pairgen.jobs.replay",
    "sample": "pairgen.jobs.sample",
    "verify": "pairgen.jobs.verify",
}

if TYPE_CHECKING:
    from pairgen.jobs.calibrate import calibrate
    from pairgen.jobs.degrade import degrade
    from pairgen.jobs.eval import evaluate
    from pairgen.jobs.inspect import inspect
    from pairgen.jobs.ode import ode
    from pairgen.jobs.repair import repair
    from pairgen.jobs.replay import replay
    from pairgen.jobs.sample import sample
    from pairgen.jobs.verify import verify
    from pairgen.shards.loading.loader import Loader
    from pairgen.shards.loading.training_set import TrainingSet
    from pairgen.training.outcome import Trained


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


def __dir__() -> list[str]:
    """Return what is public too, though it is loaded late."""
    return sorted([*globals(), *__all__])


def __getattr__(name: str) -> Any:
    """Load what is public when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pairgen' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
