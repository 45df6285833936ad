"""`pairgen compare` as a Python call."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.compare.options import CompareConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.compare.run import Compared


@takes(CompareConfig, trust_code=True, progress=True)
def compare(runs: str | Path | Sequence[str | Path], **options: Any) -> "Compared":
    """Compare models on the same held-out pairs, with what each cost to train.

    Rows that stand in the output folder are not computed again.

    Args:
        runs: Run folders of `pairgen train`, or any models; `RUN@1,4` for other steps than its own.
        **options: Options with the names of the flags of `pairgen compare`.

    Raises:
        ConfigError: An option, a model or the pairs are invalid, a model does not fit the pairs or
            was trained on them, or the folder holds rows that are not comparable.
        PairgenError: An image is not finite, or a batch does not fit into memory; finished rows
            are kept.
        CorruptShardError: A shard of the pairs is damaged.
    """
    from pairgen.jobs.compare.run import run_compare

    listed = [runs] if isinstance(runs, str | Path) else runs
    return run_compare({**options, "runs": [str(each) for each in listed]})
