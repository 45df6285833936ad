"""`pairgen export` as a Python call."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pairgen.jobs.export.options import ExportConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.export.run import Exported


@takes(ExportConfig, trust_code=True, progress=True)
def export(run: str | Path, **options: Any) -> "Exported":
    """Export a one-step student and its decoder to ONNX.

    Args:
        run: The run of `pairgen train`, or any one-step model.
        **options: Options with the names of the flags of `pairgen export`.

    Raises:
        ConfigError: The model is no one-step student from text, an option is wrong, or a package is
            missing; nothing was written.
        PairgenError: The files cannot be written, or give another image.
    """
    from pairgen.jobs.export.run import run_export

    return run_export({"run": run, **options})
