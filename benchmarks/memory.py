"""Bytes that a training keeps on a card for its weights, and what cards have left beside them.

    python benchmarks/memory.py [--ranks 8] [--lora-rank 64]

All is computed from the shapes of Stable Diffusion's networks, which `published_shapes.py` holds,
built on torch's meta device: no weights, no hub, no GPU. Nothing here is measured. A GB is 10^9
bytes; a card counts as no more than its name says.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from published_shapes import CLIP_BIG_G, CLIP_H, CLIP_L, RESTORER, UNETS, VAE
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from pairgen.adapters.adaptable import Adaptable
from pairgen.networks.vgg16 import Vgg16
from pairgen.teachers._pretrained.autoencoder import Decoder, Encoder
from pairgen.teachers._pretrained.denoiser import LORA_TARGETS
from pairgen.training.config import make_train_config

GB = 1e9
CARDS = (24, 48, 80, 141)
OPTIMIZERS = ("adamw", "adamw8bit", "sharded")
FLOAT32 = 4
# Below this many elements bitsandbytes keeps float32; above, a byte and a scale for each block.
LEAST_8BIT, BLOCK_8BIT = 4096, 256

NOT_IN_IT = """\
Not in it: activations; autocast's copies of weights in half precision, 2 bytes a weight at most;
what AdamW's step holds on CUDA for a moment, 4 bytes for each weight that it steps; one more copy
of the trained weights while a grid is made with their average; gradients on their way between
ranks, 64 MiB or a tensor at a time; the teacher's network, where a method asks it, but that of
YONOS-SR; networks of a loss; what CUDA takes for itself."""


@dataclass(frozen=True)
class Network:
    """A player by its sizes.

    Attributes:
        frozen: Elements that are not trained.
        trained: Elements of each tensor that is.
    """

    frozen: int
    trained: tuple[int, ...]

    @property
    def weights(self) -> int:
        """Bytes of all weights, which stay in float32."""
        return FLOAT32 * (self.frozen + sum(self.trained))

    @property
    def gradients(self) -> int:
        """Bytes of the gradients."""
        return FLOAT32 * sum(self.trained)

    @property
    def average(self) -> int:
        """Bytes of an average of what is trained."""
        return FLOAT32 * sum(self.trained)


def make_unet(model: str, lora_rank: int, image_channels: int = 0) -> Network:
    """Return the sizes of a model's UNet, trained whole or by adapters (rank 0: whole).

    Channels of an image latent make its first layer wider, which is then trained as a whole.
    """
    channels = VAE["latent_channels"] + image_channels
    with torch.device("meta"):
        unet = UNet2DConditionModel(**UNETS[model], in_channels=channels)
        if lora_rank:
            network = Adaptable(unet, LORA_TARGETS)
            trained = ("conv_in",) if image_channels else ()
            network.adapt(rank=lora_rank, alpha=lora_rank, trained=trained)
            unet = network
    parameters = list(unet.parameters())
    return Network(
        sum(each.numel() for each in parameters if not each.requires_grad),
        tuple(each.numel() for each in parameters if each.requires_grad),
    )


def frozen_elements(model: str) -> dict[str, int]:
    """Return the elements of what is never trained, in float32 beside the players."""
    text_encoder = CLIP_H if model == RESTORER else CLIP_L
    with torch.device("meta"):
        networks: dict[str, nn.Module] = {
            "text encoder": CLIPTextModel(CLIPTextConfig(**text_encoder)),
            "decoder and its encoder": AutoencoderKL(**VAE),
        }
        if model == "SDXL":
            networks["second text encoder"] = CLIPTextModelWithProjection(
                CLIPTextConfig(**CLIP_BIG_G)
            )
    return {
        name: sum(each.numel() for each in network.parameters())
        for name, network in networks.items()
    }


def osediff() -> Network:
    """Return the sizes of OSEDiff: everything that it holds on SD2.1-base, by its recipe."""
    recipe = make_train_config({"method": "osediff", "data": "pairs"})
    players = recipe.players
    with torch.device("meta"):
        autoencoder = AutoencoderKL(**VAE)
        student = Adaptable(UNet2DConditionModel(**UNETS[RESTORER]), LORA_TARGETS)
        regularizer = student.beside()
        encoder = Encoder(autoencoder, ("encoder", "quant_conv"))
        perceptual = Vgg16()
        rank = {"rank": recipe.lora_rank, "alpha": recipe.lora_alpha}
        own = players["student"]["unet"]
        student.adapt(**rank, targets=own["lora_targets"], trained=own["trained_layers"])
        regularizer.adapt(**rank, targets=players["regularizer"]["lora_targets"])
        encoder.adapt(**rank)
    networks = (student, regularizer, encoder)
    trained = [each.numel() for net in networks for each in net.parameters() if each.requires_grad]
    frozen = sum(each.numel() for each in (student.network.parameters()))
    others = sum(each.numel() for each in perceptual.parameters())
    return Network(frozen + others + sum(frozen_elements(RESTORER).values()), tuple(trained))


def yonos(model: str, lora_rank: int) -> tuple[Network, int]:
    """Return the sizes of a stage of YONOS-SR, and the bytes beside it, its teacher included."""
    student, teacher = (make_unet(model, rank, VAE["latent_channels"]) for rank in (lora_rank, 0))
    return student, FLOAT32 * sum(frozen_elements(model).values()) + teacher.weights


def yonos_decoder(model: str) -> tuple[Network, int]:
    """Return the sizes of the decoder's stage of YONOS-SR, whose encoder is frozen, and beside it.

    Beside the VAE are the text encoder and the network that the decoder is tuned behind.
    """
    with torch.device("meta"):
        autoencoder = AutoencoderKL(**VAE)
        decoder = Decoder(autoencoder, ("post_quant_conv", "decoder"))
    trained = tuple(each.numel() for each in decoder.parameters())
    frozen = sum(each.numel() for each in autoencoder.parameters()) - sum(trained)
    unet = make_unet(model, 0, VAE["latent_channels"])
    return Network(frozen, trained), FLOAT32 * frozen_elements(model)["text encoder"] + unet.weights


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
    # The moments of adapters are small however they are kept.
    for optimizer in OPTIMIZERS[:1] if network.frozen else OPTIMIZERS:
        taken = training_bytes(network, players, optimizer, ranks, beside)
        rest = [left(card, taken) for card in CARDS]
        yield row([name, told(optimizer, ranks), cell(taken), *rest])


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
    print("Computed, not measured. GB are 10^9 bytes, on one card. ACTIVATIONS ARE NOT IN IT.\n")
    print("One network, GB:\n")
    optimizers = [told(name, ranks) for name in OPTIMIZERS]
    print(head(["UNet", "trained parameters", "weights", "gradients", *optimizers, "average"]))
    for (model, kind), network in networks.items():
        states = [moments(name, network.trained, ranks) for name in OPTIMIZERS]
        parts = [network.weights, network.gradients, *states, network.average]
        print(row([f"{model} {kind}", f"{sum(network.trained):,}", *map(cell, parts)]))
    print("\nA training, GB: text encoders and VAE, players, the average of the student:\n")
    cards = [f"left of {card}" for card in CARDS]
    print(head(["training", "optimizer", "in all", *cards]))
    for (model, kind), network in networks.items():
        beside = FLOAT32 * sum(frozen_elements(model).values())
        for players, who in ((1, "student"), (2, "student and discriminator")):
            for line in training_rows(f"{model} {kind}, {who}", network, players, ranks, beside):
                print(line)
    print(
        "\nYONOS-SR, GB: text encoder and VAE, what is trained, its average, and a frozen UNet:\n"
    )
    print(head(["training", "optimizer", "in all", *cards]))
    for model in ("SD1.5", RESTORER):
        stages = {kind: yonos(model, rank) for kind, rank in kinds.items()}
        for stage, (network, beside) in {**stages, "decoder": yonos_decoder(model)}.items():
            for line in training_rows(f"{model} {stage}", network, 1, ranks, beside):
                print(line)
    print(f"\nOSEDiff on {RESTORER} by its recipe, GB: also text encoder, VAE and LPIPS:\n")
    print(head(["trained parameters", "weights", "gradients", "adamw", "in all", *cards[:2]]))
    parts = parts_of_osediff()
    rest = [left(card, sum(parts)) for card in CARDS[:2]]
    print(row([f"{sum(osediff().trained):,}", *map(cell, [*parts, sum(parts)]), *rest]))
    print(f"\n{NOT_IN_IT}")


if __name__ == "__main__":
    main()
