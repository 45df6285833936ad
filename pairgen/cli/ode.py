"""`pairgen ode`."""

from pathlib import Path
from typing import Any

from pairgen.cli.dry_run_options import dry_run_options, run_or_price
from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import config_options, given, pin_threads, trust_option
from pairgen.config import command_options
from pairgen.kinds.ode.options import OdeConfig


@command()
@options_of(OdeConfig)
@dry_run_options
@trust_option
@config_options
def ode(
    config: Path | None,
    overrides: tuple[str, ...],
    dry_run: int | None,
    price_per_gpu_hour: float | None,
    preemptions: float | None,
    **options: Any,
) -> None:
    """Turn prompts into (noise, prompt, latent) pairs as WebDataset shards.

    Run the same command again to continue an interrupted run. If the folder already holds a
    dataset, options that you leave out are taken from its plan.

    \b
    Examples:
        pairgen ode --model tiny --cfg 8
        pairgen ode --model sd15 --cfg 3,8 --prompts captions.parquet --out data/pairs
        pairgen ode --model sd15 --cfg 8 --trajectory 999,749,499,249 --executor ray
        pairgen ode --model sd15 --cfg 8 --num-workers 8 --dry-run --preemptions 5%
    """  # noqa: D301
    merged = command_options("ode", config, overrides, given(options))
    pin_threads(OdeConfig.check("cpu_threads", merged.get("cpu_threads", 1)))
    from pairgen.jobs.ode.dry_run import run_ode_dry
    from pairgen.jobs.ode.run import run_ode

    costs = (dry_run, price_per_gpu_hour, preemptions)
    run_or_price(run_ode, run_ode_dry, merged, *costs)
