"""`pairgen calibrate` as a Python call."""

from typing import TYPE_CHECKING, Any

from pairgen.jobs.calibrate.options import CalibrateConfig
from pairgen.signature import takes

if TYPE_CHECKING:
    from pairgen.jobs.calibrate.run import Calibrated


@takes(CalibrateConfig, trust_code=True, progress=True)
def calibrate(**options: Any) -> "Calibrated":
    """Measure how close sampler settings come to a teacher's converged ODE.

    Args:
        **options: Options with the names of the flags of `pairgen calibrate`.

    Returns:
        The measurements; `calibration.chosen` is None if no setting is within the tolerance.

    Raises:
        ConfigError: An option, a file or the folder is invalid; nothing was written.
        PairgenError: The reference is not converged, or a batch does not fit into memory.
    """
    from pairgen.jobs.calibrate.run import run_calibrate

    return run_calibrate(options)
