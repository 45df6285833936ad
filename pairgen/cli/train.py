"""`pairgen train`."""

import sys
from pathlib import Path
from typing import Any

from pairgen.cli.flags import options_of
from pairgen.cli.help import command
from pairgen.cli.options import config_options, echo, given, say, trust_option
from pairgen.cli.result import EXIT_INTERRUPTED
from pairgen.config import command_options
from pairgen.methods import LATENT_LPIPS
from pairgen.training.chain_options import ChainConfig
from pairgen.wording import HELD_OUT, counted


@command()
@options_of(ChainConfig, arguments=("method",))
@trust_option
@config_options
def train(method: str, config: Path | None, overrides: tuple[str, ...], **options: Any) -> None:
    """Train a student with METHOD on datasets made by pairgen.

    METHOD: add, codi, diffusion2gan, ladd, latent-lpips, osediff, reflow, regression, yonos,
    yonos-decoder, or the name or file of your own module. latent-lpips trains a perceptual network
    on labeled latents instead of a student. `--set name=value` sets any option of the run or the
    method; `--set player.name=value` sets an option of one player. `--chain` trains yonos factor by
    factor, in one run per factor; then `--set x4.name=value` and `--set decoder.name=value` set
    options of one stage. Under `torchrun` or `accelerate launch`, each process takes its share of
    every step.

    \b
    Examples:
        pairgen train regression --data pairs --out student --steps 2000
        pairgen train regression --data pairs --set distance=perceptual --lora-rank 16
        pairgen train diffusion2gan --data pairs --set gan_weight=0.05 --set discriminator.lr=5e-5
        pairgen train osediff --data pairs --model sd21-base --set perceptual=vgg16-397923af.pth
        pairgen train yonos --data pairs --chain 2,4,8 --set decoder.perceptual=vgg16-397923af.pth
        pairgen train codi --data pairs --set task=canny --set trains=branch --out edges
        pairgen train latent-lpips --data pairs --out perceptual --set width=0.25
        torchrun --nproc-per-node 8 -m pairgen train regression --data pairs --precision bfloat16
    """  # noqa: D301
    merged = command_options("train", config, overrides, given(options) | {"method": method})

    if method == LATENT_LPIPS:
        from pairgen.jobs.latent_lpips.card import next_command
        from pairgen.jobs.latent_lpips.run import LPIPS_FILE, run_latent_lpips
        from pairgen.training.runs.run_config import read_run_config

        result = run_latent_lpips(merged, say)
        # Read from the run: a resumed run is not given its datasets again.
        data = read_run_config(result.folder)["data"]
        following = next_command(data, str(result.folder / LPIPS_FILE))
    else:
        from pairgen.jobs.train.chain import is_chain, run_chain
        from pairgen.jobs.train.run import run_train

        result = run_chain(merged, say) if is_chain(merged) else run_train(merged, say)
        following = result.following
    if result.first_process:
        if result.interrupted:
            echo(f"Stopped after step {result.step:,}. Continue with --resume.")
        else:
            folder = result.folder.absolute()
            echo(f"{counted(result.step, 'step')}: {folder}")
            if (folder / "report.html").is_file():
                echo(f"Page: {folder / 'report.html'}")
            new = ", on pairs that it has not seen" * (HELD_OUT in following.split())
            echo(f"Next{new}: {following}")
    if result.interrupted:
        sys.exit(EXIT_INTERRUPTED)
