"""Train the autoencoder of the tiny teacher; the first of three trainings (see README.md here).

python pipelines/tiny_teacher/train_vae.py --minutes 20
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from architecture import make_vae
from batches import paint_batch, prefetch
from budget import Budget
from diffusers import AutoencoderKL
from optimizer import MuonAdamW, make_optimizer
from torch import Tensor

KL_WEIGHT = 1e-3
LEARNING_RATE = 4e-3
SEED = 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("data/tiny_teacher"))
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--batch-size", type=int, default=12)
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.manual_seed(SEED)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    vae = make_vae()
    with torch.no_grad():
        # Start with nearly certain latents: growing out of unit noise would take 1,000 steps.
        vae.quant_conv.weight[4:] = 0
        vae.quant_conv.bias[4:] = -5
    vae = vae.to(device).train()
    optimizer = make_vae_optimizer(vae, arguments.learning_rate)
    state = {"vae": vae, "optimizer": optimizer}
    budget = Budget(arguments.work / "vae.pt", arguments.minutes, state)
    batches = prefetch(lambda step: paint_batch(arguments.batch_size, SEED, step), budget.step)
    while budget.left:
        pictures = next(batches).pictures.to(device)
        optimizer.set_rate(budget.rate)
        posterior = vae.encode(pictures).latent_dist
        restored = vae.decode(posterior.sample()).sample
        loss = restoration_loss(restored, pictures)
        loss = loss + KL_WEIGHT * posterior.kl().mean() / posterior.mean[0].numel()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        budget.tick(float(F.mse_loss(restored.detach(), pictures)))


def make_vae_optimizer(vae: AutoencoderKL, learning_rate: float = LEARNING_RATE) -> MuonAdamW:
    """Return the optimizer; the first and last layers are AdamW's."""
    border = ("encoder.conv_in", "encoder.conv_out", "decoder.conv_in", "decoder.conv_out")
    return make_optimizer(vae, (learning_rate, 2e-3), 1e-4, (*border, "quant_conv"))


def restoration_loss(restored: Tensor, pictures: Tensor) -> Tensor:
    """L1 + 0.5 MSE + 0.5 L1 of the differences between neighbouring pixels, [B, 3, H, W]."""
    loss = F.l1_loss(restored, pictures) + 0.5 * F.mse_loss(restored, pictures)
    for axis in (-1, -2):
        loss = loss + 0.25 * F.l1_loss(restored.diff(dim=axis), pictures.diff(dim=axis))
    return loss


if __name__ == "__main__":
    main()
