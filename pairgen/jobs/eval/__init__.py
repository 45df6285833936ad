"""`pairgen eval` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.eval.options import EvalConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.eval.run import Evaluated


@takes(EvalConfig, trust_code=True)
def evaluate(run: str | Path, **options: Any) -> "Evaluated":
    """Judge a trained student by held-out pairs, beside its teacher at several steps.

    Args:
        run: A folder of `pairgen train`, or any model.
        **options: The same names as the flags of `pairgen eval`.

    Raises:
        ConfigError: An option, the run or the pairs are wrong, or the student was trained on them;
            nothing was written.
        PairgenError: A picture is not finite, or a batch does not fit; nothing was written.
        CorruptShardError: A shard of the pairs is bad.
    """
    from pairgen.jobs.eval.run import run_evaluate

    return run_evaluate({**options, "run": str(run)})
