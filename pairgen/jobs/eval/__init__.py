"""`pairgen eval` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.eval.options import EvalConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.eval.run import Evaluated


@takes(EvalConfig, trust_code=True, progress=True)
def evaluate(run: str | Path, **options: Any) -> "Evaluated":
    """Evaluate a student on held-out pairs, next to its teacher or to the target images.

    Args:
        run: Run folder of `pairgen train`, or any model.
        **options: Options with the names of the flags of `pairgen eval`.

    Raises:
        ConfigError: An option, the run or the pairs are invalid, or the student was trained on the
            pairs; nothing was written.
        PairgenError: An image is not finite, or a batch does not fit into memory; nothing was
            written.
        CorruptShardError: A shard of the pairs is damaged.
    """
    from pairgen.jobs.eval.run import run_evaluate

    return run_evaluate({**options, "run": str(run)})
