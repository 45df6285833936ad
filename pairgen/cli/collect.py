"""`pairgen collect`."""

from pathlib import Path
from typing import Any

from pairgen.cli.dry_run_options import dry_run_options, run_or_price
from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import config_options, given, pin_threads, trust_option
from pairgen.config import command_options
from pairgen.kinds.collect.options import CollectConfig


@command()
@options_of(CollectConfig)
@dry_run_options
@trust_option
@config_options
def collect(
    config: Path | None,
    overrides: tuple[str, ...],
    dry_run: int | None,
    price_per_gpu_hour: float | None,
    preemptions: float | None,
    **options: Any,
) -> None:
    """Turn real images into WebDataset shards, all in one size, with captions and classes.

    The shorter side is resized to --size, and a square is cut out; or, with --bucket, the shape
    with the nearest aspect ratio. Run the same command again to continue an interrupted run.

    \b
    Examples:
        pairgen collect --images photos/ --size 512 --out data/real
        pairgen collect --images photos/ --captions captions.csv --crop random --flip
        pairgen collect --images photos/ --size 1024 --bucket --out data/buckets
        pairgen collect --images 'imagenet/*.parquet' --label-column label --size 256 --format jpg
        pairgen collect --images faces/ --size 1024 --format keep
        pairgen collect --hr hr/ --lr lr/ --scale 4 --crop random --out data/pairs
        pairgen collect --edit-triples edits.jsonl --out data/edits
        pairgen collect --images photos/ --out data/real --dry-run
    """  # noqa: D301
    merged = command_options("collect", config, overrides, given(options))
    pin_threads(CollectConfig.check("cpu_threads", merged.get("cpu_threads", 1)))
    from pairgen.jobs.collect.dry_run import run_collect_dry
    from pairgen.jobs.collect.run import run_collect

    costs = (dry_run, price_per_gpu_hour, preemptions)
    run_or_price(run_collect, run_collect_dry, merged, *costs)
