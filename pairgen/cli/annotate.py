"""`pairgen annotate`."""

from functools import partial
from pathlib import Path
from typing import Any

from pairgen.cli.dry_run_options import dry_run_options, run_or_price
from pairgen.cli.flags import options_of
from pairgen.cli.help import argument, command
from pairgen.cli.options import config_options, given, pin_threads, trust_option
from pairgen.config import command_options
from pairgen.kinds.overlay.options import AnnotateConfig


@command()
@argument("folder", metavar="DIR|URL")
@options_of(AnnotateConfig)
@dry_run_options
@trust_option
@config_options
def annotate(
    folder: str,
    config: Path | None,
    overrides: tuple[str, ...],
    dry_run: int | None,
    price_per_gpu_hour: float | None,
    preemptions: float | None,
    **options: Any,
) -> None:
    """Add members or columns to the samples of a dataset, without editing it.

    Each annotator makes an overlay, DIR.annotations/NAME, which training, inspect and verify find
    automatically. Annotators: aesthetic, canny, caption, clip, depth, dino, latent, mask, moments,
    segmentation, sharpness, sketch, tags, text_embedding, or the name or file of your own module;
    `--set name=value` sets their options. Run the same command again to continue, and to catch up
    with a dataset that has grown or was repaired.

    \b
    Examples:
        pairgen annotate data/sr --add canny --set low=50
        pairgen annotate data/sr --add latent --model sd15 --set levels=hr,lr4
        pairgen annotate data/pairs --add text_embedding,mask
        pairgen annotate data/sr --add canny,depth --dry-run
    """  # noqa: D301
    merged = command_options("annotate", config, overrides, given(options))
    pin_threads(AnnotateConfig.check("cpu_threads", merged.get("cpu_threads", 1)))
    from pairgen.jobs.annotate.dry_run import run_annotate_dry
    from pairgen.jobs.annotate.run import run_annotate

    costs = (dry_run, price_per_gpu_hour, preemptions)
    run, run_dry = partial(run_annotate, folder), partial(run_annotate_dry, folder)
    run_or_price(run, run_dry, merged, *costs)
