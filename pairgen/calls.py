"""The Python call of `pairgen train`, which covers two jobs: jobs do not import each other."""

from typing import TYPE_CHECKING, Any

from pairgen.methods import LATENT_LPIPS
from pairgen.signature import takes
from pairgen.training.chain_options import ChainConfig

if TYPE_CHECKING:
    from pairgen.training.runs.outcome import Trained


@takes(ChainConfig, trust_code=True, progress=True, further="method_options")
def train(method: str, **options: Any) -> "Trained":
    """Train a student on datasets; resume a run with `resume=True`.

    Options of the method are given like the others, and those of single players in `players`.
    Options that you leave out come from `configs/train/`.

    Args:
        method: Name of a method in `pairgen/methods/`, or the dotted name of your own module; or
            `latent-lpips`, which trains a perceptual network instead of a student.
        **options: Options with the names of the flags of `pairgen train`.

    Raises:
        ConfigError: An option, a dataset or the folder is invalid; nothing was written.
        PairgenError: A loss is not finite, or a checkpoint cannot be written.
        CorruptShardError: A shard is damaged.
    """
    if method == LATENT_LPIPS:
        from pairgen.jobs.latent_lpips.run import run_latent_lpips

        return run_latent_lpips(options)
    from pairgen.jobs.train.chain import is_chain, run_chain
    from pairgen.jobs.train.run import run_train

    given = {**options, "method": method}
    return run_chain(given) if is_chain(given) else run_train(given)
