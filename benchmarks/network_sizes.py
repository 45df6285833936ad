"""How many weights each training holds and trains, by the shapes that `published_shapes.py` has.

Networks are built on torch's meta device: no weights, no hub, no GPU.
"""

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from published_shapes import CLIP_BIG_G, CLIP_H, CLIP_L, RESTORER, UNETS, VAE
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from pairgen.adapters.adaptable import Adaptable
from pairgen.methods._codi.options import ALL, FUSION_OF
from pairgen.networks.vgg16 import Vgg16
from pairgen.sampling.condition import RGB
from pairgen.teachers._pretrained.autoencoder import Decoder, Encoder
from pairgen.teachers._pretrained.branch import new_branch
from pairgen.teachers._pretrained.denoiser import LORA_TARGETS
from pairgen.training.config import make_train_config

FLOAT32 = 4
# Pixels a latent of the VAE, along each axis.
FACTOR = 2 ** (len(VAE["block_out_channels"]) - 1)


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
    def elements(self) -> int:
        """Elements of all weights."""
        return self.frozen + sum(self.trained)

    @property
    def weights(self) -> int:
        """Bytes of all weights, which stay in float32."""
        return FLOAT32 * self.elements

    @property
    def gradients(self) -> int:
        """Bytes of the gradients."""
        return FLOAT32 * sum(self.trained)

    @property
    def average(self) -> int:
        """Bytes of an average of what is trained."""
        return FLOAT32 * sum(self.trained)


def sizes(*networks: nn.Module) -> Network:
    """Return the sizes of networks that are one player."""
    parameters = [each for network in networks for each in network.parameters()]
    return Network(
        sum(each.numel() for each in parameters if not each.requires_grad),
        tuple(each.numel() for each in parameters if each.requires_grad),
    )


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
    return sizes(unet)


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


def codi(model: str, trains: str, lora_rank: int = 0) -> tuple[Network, int]:
    """Return the sizes of CoDi, and the bytes beside it, its averaged weights theta^- included.

    Args:
        model: The model, without a second text encoder.
        trains: `all`: UNet and branch; `branch`: the branch alone, PE-CoDi.
        lora_rank: Of adapters in place of the UNet's weights; 0 for none. The branch is trained as
            a whole.
    """
    with torch.device("meta"):
        unet = UNet2DConditionModel(**UNETS[model])
        branch = new_branch(unet, FUSION_OF[trains], RGB, FACTOR)
        unet.requires_grad_(trains == ALL)
        if lora_rank:
            unet = Adaptable(unet, LORA_TARGETS)
            unet.adapt(rank=lora_rank, alpha=lora_rank)
    network = sizes(unet, branch)
    return network, FLOAT32 * sum(frozen_elements(model).values()) + network.average
