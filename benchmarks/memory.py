"""Bytes that a training keeps on a card for its weights, and what cards have left beside them.

    python benchmarks/memory.py [--ranks 8] [--lora-rank 64]

All is computed from the shapes of Stable Diffusion's networks, which `published_shapes.py` holds,
built on torch's meta device: no weights, no hub, no GPU. Nothing here is measured. A GB is 10^9
bytes; a card counts as no more than its name says.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence

from network_sizes import (
    FLOAT32,
    Network,
    codi,
    frozen_elements,
    make_unet,
    osediff,
    yonos,
    yonos_decoder,
)
from published_shapes import RESTORER, UNETS

from pairgen.methods._codi.options import ALL, BRANCH

GB = 1e9
CARDS = (24, 48, 80, 141)
OPTIMIZERS = ("adamw", "adamw8bit", "sharded")
# Moments of fewer bytes are small however they are kept.
FEW_MOMENTS = 2 * GB
# Below this many elements bitsandbytes keeps float32; above, a byte and a scale for each block.
LEAST_8BIT, BLOCK_8BIT = 4096, 256
CODI = {"CoDi": ALL, "PE-CoDi": BRANCH}
# By a note about the paper, see `print_codi`.
PUBLISHED_ALL, PUBLISHED_BRANCH = 1.22e9, 364e6

NOT_IN_IT = """\
The tables leave out: activations; autocast's half-precision copies of weights, at most 2 bytes per
weight; temporary memory of AdamW's step on CUDA, 4 bytes per updated weight; a second copy of the
trained weights while the run makes a grid with their average; gradients in transit between ranks,
64 MiB or one tensor at a time; a teacher's network, except in the YONOS-SR table; the networks of
a loss, except LPIPS in the OSEDiff table; CUDA's own memory."""


def parts_of_osediff() -> tuple[int, int, int]:
    """Return the bytes of its weights, gradients and moments."""
    whole = osediff()
    return whole.weights, whole.gradients, adamw_bytes(whole.trained)


def adamw_bytes(trained: Sequence[int]) -> int:
    """Return the bytes of two float32 moments of tensors of these sizes."""
    return 2 * FLOAT32 * sum(trained)


def adamw8bit_bytes(trained: Sequence[int]) -> int:
    """Return the bytes of bitsandbytes' two moments, which may be of 8 bits."""
    return sum(
        2 * (size + FLOAT32 * -(-size // BLOCK_8BIT)) if size >= LEAST_8BIT else adamw_bytes([size])
        for size in trained
    )


def sharded_bytes(trained: Sequence[int], ranks: int) -> int:
    """Return the bytes of the moments on the rank that has most of them.

    As ZeroRedundancyOptimizer deals: tensors from the largest on, each to the rank with least.
    """
    shares = [0] * ranks
    for size in sorted(trained, reverse=True):
        shares[shares.index(min(shares))] += size
    return adamw_bytes([max(shares)])


def moments(optimizer: str, trained: Sequence[int], ranks: int) -> int:
    match optimizer:
        case "adamw":
            return adamw_bytes(trained)
        case "adamw8bit":
            return adamw8bit_bytes(trained)
        case _:
            return sharded_bytes(trained, ranks)


def training_bytes(network: Network, players: int, optimizer: str, ranks: int, beside: int) -> int:
    """Return the bytes of a training.

    Args:
        network: Size of each player.
        players: 1 for a student alone, 2 with a discriminator of its size.
        optimizer: Of all players.
        ranks: Over which a sharded one is spread.
        beside: Bytes of what is frozen.
    """
    player = network.weights + network.gradients + moments(optimizer, network.trained, ranks)
    # Only what is exported has an average.
    return beside + players * player + network.average


def training_rows(
    name: str, network: Network, players: int, ranks: int, beside: int
) -> Iterator[str]:
    """Yield a row of the table for each optimizer, see `training_bytes`."""
    few = adamw_bytes(network.trained) < FEW_MOMENTS
    for optimizer in OPTIMIZERS[:1] if few else OPTIMIZERS:
        taken = training_bytes(network, players, optimizer, ranks, beside)
        rest = [left(card, taken) for card in CARDS]
        yield row([name, told(optimizer, ranks), cell(taken), *rest])


def print_codi(kinds: Mapping[str, int], ranks: int, cards: Sequence[str]) -> None:
    """Print what CoDi and PE-CoDi train on Stable Diffusion 1.5, and the bytes of it."""
    trainings = {name: codi("SD1.5", trains) for name, trains in CODI.items()}
    print("\nCoDi on SD1.5, parameters of network and branch:\n")
    print(head(["training", "parameters", "trained", "share"]))
    for name, (network, _) in trainings.items():
        whole, trained = network.elements, sum(network.trained)
        print(row([name, f"{whole:,}", f"{trained:,}", share(trained, whole)]))
    published = share(PUBLISHED_BRANCH, PUBLISHED_ALL)
    print(row(["PE-CoDi as published", "1.22 billion", "364 million", published]))
    note = "a note about the paper, arXiv:2310.01407, that we have not verified"
    print(f"\nThe last row comes from {note}.")
    print("\nCoDi, GB: text encoder, VAE, network, branch, the average and theta^-:\n")
    print(head(["training", "optimizer", "in all", *cards]))
    adapters = {f"CoDi {kind}": codi("SD1.5", ALL, rank) for kind, rank in kinds.items() if rank}
    for name, (network, beside) in {**trainings, **adapters}.items():
        for line in training_rows(f"SD1.5 {name}", network, 1, ranks, beside):
            print(line)


def share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}"


def told(optimizer: str, ranks: int) -> str:
    return f"{optimizer} ({ranks} ranks)" if optimizer == "sharded" else optimizer


def cell(size: float) -> str:
    return f"{size / GB:.1f}"


def left(card: int, taken: int) -> str:
    return cell(card * GB - taken) if taken <= card * GB else "-"


def row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def head(cells: Sequence[str]) -> str:
    return f"{row(cells)}\n{'|---' * len(cells)}|"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ranks", type=int, default=8)
    parser.add_argument("--lora-rank", type=int, default=64)
    options = parser.parse_args()
    ranks = options.ranks
    kinds = {"full": 0, f"LoRA {options.lora_rank}": options.lora_rank}
    models = [model for model in UNETS if model != RESTORER]
    networks = {
        (model, kind): make_unet(model, rank) for model in models for kind, rank in kinds.items()
    }
    print("Computed, not measured: GB (10^9 bytes) on one card, WITHOUT ACTIVATIONS.\n")
    print("One network, GB:\n")
    optimizers = [told(name, ranks) for name in OPTIMIZERS]
    print(head(["UNet", "trained parameters", "weights", "gradients", *optimizers, "average"]))
    for (model, kind), network in networks.items():
        states = [moments(name, network.trained, ranks) for name in OPTIMIZERS]
        parts = [network.weights, network.gradients, *states, network.average]
        print(row([f"{model} {kind}", f"{sum(network.trained):,}", *map(cell, parts)]))
    print("\nA training run, GB: text encoders, VAE, players and the student's average:\n")
    cards = [f"left of {card}" for card in CARDS]
    print(head(["training", "optimizer", "in all", *cards]))
    for (model, kind), network in networks.items():
        beside = FLOAT32 * sum(frozen_elements(model).values())
        for players, who in ((1, "student"), (2, "student and discriminator")):
            for line in training_rows(f"{model} {kind}, {who}", network, players, ranks, beside):
                print(line)
    print(
        "\nYONOS-SR, GB: text encoder, VAE, the trained network, its average and a frozen UNet:\n"
    )
    print(head(["training", "optimizer", "in all", *cards]))
    for model in ("SD1.5", RESTORER):
        stages = {kind: yonos(model, rank) for kind, rank in kinds.items()}
        for stage, (network, beside) in {**stages, "decoder": yonos_decoder(model)}.items():
            for line in training_rows(f"{model} {stage}", network, 1, ranks, beside):
                print(line)
    print_codi(kinds, ranks, cards)
    print(f"\nOSEDiff on {RESTORER} with its recipe, GB, including text encoder, VAE and LPIPS:\n")
    print(head(["trained parameters", "weights", "gradients", "adamw", "in all", *cards[:2]]))
    parts = parts_of_osediff()
    rest = [left(card, sum(parts)) for card in CARDS[:2]]
    print(row([f"{sum(osediff().trained):,}", *map(cell, [*parts, sum(parts)]), *rest]))
    print(f"\n{NOT_IN_IT}")


if __name__ == "__main__":
    main()
