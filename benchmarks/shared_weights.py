"""Memory of several players on one set of weights, beside a network for each player.

    python benchmarks/shared_weights.py [--rank 4]

Builds networks of Stable Diffusion 1.5's shapes with random weights, each arm in a process of its
own, and prints what it holds: resident memory above that of the imports, and its peak in one
training step of every player on 16 x 16 latents. CPU, float32.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from memory import GB
from published_shapes import UNETS
from torch import Tensor

from pairgen.drawing.table import markdown
from pairgen.sampling.conditioning import Conditioning
from pairgen.teachers._mixture import stable_diffusion_schedule
from pairgen.teachers._pretrained.denoiser import Denoiser
from pairgen.teachers._pretrained.unet import unet_output

UNET = UNETS["SD1.5"]
TOKENS, SIZE = 77, 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--arm", choices=list(ARMS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        print(*measure(options.arm, options.rank))
        return
    lines = [["players", "held, GB", "peak of a step, GB"]]
    for arm in ARMS:
        command = [sys.executable, __file__, "--arm", arm, "--rank", str(options.rank)]
        found = subprocess.run(command, check=True, capture_output=True, text=True)
        held, peak = map(float, found.stdout.split())
        lines.append([arm, f"{held / GB:.2f}", f"{peak / GB:.2f}"])
    print("\n".join(markdown(lines)))


def measure(arm: str, rank: int) -> tuple[float, float]:
    """Return the bytes that the players of an arm hold, and the peak during a step of each."""
    before = status("VmRSS")
    players = ARMS[arm](rank)
    held = status("VmRSS") - before
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 4, SIZE, SIZE, generator=generator)
    text = torch.randn(1, TOKENS, UNET["cross_attention_dim"], generator=generator)
    for player in players:
        loss: Tensor = player(x, torch.tensor([500.0]), Conditioning({"txt_emb": text})).sum()
        loss.backward()
        player.zero_grad(set_to_none=True)
    return held, status("VmHWM") - before


def status(name: str) -> int:
    """Return a figure of this process in bytes: VmRSS now, VmHWM at most so far."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


def new_denoiser() -> Denoiser:
    """Return a network with random weights."""
    network = UNet2DConditionModel(**UNET)
    return Denoiser(
        network,
        partial(unet_output, time_ids=torch.zeros(1, 6), guidance_dim=0),
        prediction="eps",
        schedule=stable_diffusion_schedule(),
        latent_shape=(4, SIZE, SIZE),
        guidance_dim=0,
    )


def one_with_adapters(rank: int) -> list[Denoiser]:
    """Return one player with adapters."""
    denoiser = new_denoiser()
    denoiser.adapt(rank=rank, alpha=rank)
    return [denoiser]


def two_on_one(rank: int) -> list[Denoiser]:
    """Return two players with adapters on one set of weights, and the network without any."""
    first = new_denoiser()
    second = first.beside()
    for denoiser in (first, second):
        denoiser.adapt(rank=rank, alpha=rank)
    return [first, second]


def two_on_two(rank: int) -> list[Denoiser]:
    """Return two players with adapters on a set of weights each."""
    return one_with_adapters(rank) + one_with_adapters(rank)


ARMS: dict[str, Callable[[int], list[Denoiser]]] = {
    "one with adapters": one_with_adapters,
    "two with adapters on one set of weights": two_on_one,
    "two with adapters on a set of weights each": two_on_two,
}


if __name__ == "__main__":
    main()
