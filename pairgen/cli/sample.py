"""`pairgen sample`."""

import sys
from pathlib import Path
from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import (
    complain,
    config_options,
    echo,
    given,
    pin_threads,
    say,
    trust_option,
)
from pairgen.cli.result import EXIT_TOO_MANY_REJECTED, over_limit, rejected_share
from pairgen.config import command_options
from pairgen.kinds.ode.sample_options import SampleConfig
from pairgen.wording import counted


@command()
@options_of(SampleConfig)
@trust_option
@config_options
def sample(config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Sample images from a teacher or a student.

    The grid is ordered by prompt. With several guidance scales, each row shows one prompt and noise
    at the scales in the given order; otherwise, with several noises, each row shows one prompt.
    The images are those of `pairgen ode` with the same options. The PNG text chunk "pairgen"
    records how they were made.

    If the model makes images from pictures, pass them with --condition. The grid then shows each
    condition before its images.

    \b
    Examples:
        pairgen sample --prompts "a red apple on a white background"
        pairgen sample --prompts "a red apple" --num-per-prompt 8 --out apples.png
        pairgen sample --model sd15 --prompts captions.txt --cfg 1,4,8 --out images/
        pairgen sample --model runs/edges --condition edges/ --prompts "a red heart"
        pairgen sample --model runs/painter --condition photos/ --masks masks/ --out painted/
    """  # noqa: D301
    merged = command_options("sample", config, overrides, given(options))
    pin_threads(SampleConfig.check("cpu_threads", merged.get("cpu_threads", 1)))
    from pairgen.jobs.sample.run import run_sample

    made = run_sample(merged, say)
    num, height, width, _ = made.pictures.shape
    echo(f"{counted(num, 'image')} of {width} x {height} px: {made.path}")
    if made.too_many_rejected:
        what = rejected_share(made.num_rejected, made.num_tried, "input")
        complain(f"Error: {over_limit(what, made.max_rejected)}")
        sys.exit(EXIT_TOO_MANY_REJECTED)
