"""`pairgen restore`."""

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
from pairgen.cli.result import EXIT_INTERRUPTED, EXIT_TOO_MANY_REJECTED, over_limit, rejected_share
from pairgen.config import command_options
from pairgen.jobs.restore.options import RestoreConfig
from pairgen.wording import part_text


@command()
@options_of(RestoreConfig)
@trust_option
@config_options
def restore(config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Restore pictures of any size with a student of `pairgen train`.

    Each result is exactly --scale times as large as its picture, and keeps its name, channels, bit
    depth and metadata. Large pictures are computed in tiles. Run the same command again to continue
    an interrupted run, or to restore new and changed pictures.

    \b
    Examples:
        pairgen restore --model runs/restorer --images photographs --out restored
        pairgen restore --model runs/restorer --images 'scans/*.tif' --color-fix wavelet --out done
        pairgen restore --model runs/restorer --images wide.png --tile 64 --vae-tile 64 --out done
    """  # noqa: D301
    merged = command_options("restore", config, overrides, given(options))
    pin_threads(RestoreConfig.check("cpu_threads", merged.get("cpu_threads", 1)))
    from pairgen.jobs.restore.run import run_restore

    done = run_restore(merged, say)
    num_standing = done.num_before + done.num_made
    echo(f"{part_text(num_standing, done.num_pictures, 'picture')} restored: {done.url}")
    if done.rejected:
        first = done.rejected[0]
        echo(
            f"{len(done.rejected):,} rejected, the first {first['image']}: {first['reason']}. "
            "__meta__/rejected/ gives all reasons."
        )
    if done.interrupted:
        echo("Stopped. Run the same command again to continue.")
        sys.exit(EXIT_INTERRUPTED)
    if done.too_many_rejected:
        what = rejected_share(len(done.rejected), done.num_pictures, "picture")
        complain(f"Error: {over_limit(what, done.max_rejected, f'{done.url}/__meta__/rejected/')}")
        sys.exit(EXIT_TOO_MANY_REJECTED)
