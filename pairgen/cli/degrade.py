"""`pairgen degrade`."""

from pathlib import Path
from typing import Any

from pairgen.cli.dry_run_options import dry_run_options, run_or_price
from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import config_options, given, pin_threads, trust_option
from pairgen.config import command_options
from pairgen.kinds.degrade.options import DegradeConfig


@command()
@options_of(DegradeConfig)
@dry_run_options
@trust_option
@config_options
def degrade(
    config: Path | None,
    overrides: tuple[str, ...],
    dry_run: int | None,
    price_per_gpu_hour: float | None,
    preemptions: float | None,
    **options: Any,
) -> None:
    """Turn images into (HR, degraded LR) pairs as WebDataset shards.

    Each sample has its own degradation, drawn once and recorded; all its LR levels are rendered
    from that draw. Run the same command again to continue an interrupted run.

    \b
    Examples:
        pairgen degrade --scales 4,8
        pairgen degrade --scales 4 --images photos/ --samples-per-image 4 --out data/sr
        pairgen degrade --scales 8 --images 'a/*.jpg' --degradation bicubic --crop 256
        pairgen degrade --scales 4,8 --images photos/ --nested --out data/nested
        pairgen degrade --scales 4 --from-ode data/pairs --out data/sr
        pairgen degrade --scales 4 --from-ode data/pairs --overlay
        pairgen degrade --scales 4 --images photos/ --out data/sr --dry-run
    """  # noqa: D301
    merged = command_options("degrade", config, overrides, given(options))
    pin_threads(DegradeConfig.check("cpu_threads", merged.get("cpu_threads", 1)))
    from pairgen.jobs.degrade.dry_run import run_degrade_dry
    from pairgen.jobs.degrade.run import run_degrade

    costs = (dry_run, price_per_gpu_hour, preemptions)
    run_or_price(run_degrade, run_degrade_dry, merged, *costs)
