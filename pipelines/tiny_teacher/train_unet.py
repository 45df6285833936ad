"""Train the text encoder and the UNet of the tiny teacher on latents of the finished encoder.

    python pipelines/tiny_teacher/train_unet.py --minutes 130

Epsilon prediction under Stable Diffusion 1.5's schedule, one caption in ten left empty for
guidance, an exponential moving average of the weights. The loss weighs the error of x0 by the
signal-to-noise ratio, held to (0.2, 5): above, as in Hang et al. 2023 ("Efficient Diffusion
Training via Min-SNR Weighting Strategy"); below, because an error of eps that is small in itself
is divided by alpha, about 0.07 at the first time, where what the picture shows is decided.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from architecture import make_scheduler, make_text_encoder, make_unet, make_vae
from batches import paint_batch, prefetch
from budget import Budget
from optimizer import MuonAdamW, make_optimizer
from tokenizer import write_tokenizer
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import CLIPTokenizer

SEED = 2
ENCODE_BATCH = 50
EMPTY_SHARE = 0.1
SNR_RANGE = (0.2, 5.0)
EMA_DECAY = 0.999
LEARNING_RATE = 2e-3


class TextToNoise(nn.Module):
    """The two networks that are trained together."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.text_encoder = make_text_encoder(tokenizer)
        self.unet = make_unet()

    def forward(self, x: Tensor, t: Tensor, tokens: Tensor) -> Tensor:
        """Predict eps [B, 4, 16, 16] of x_t at times t [B] for token ids [B, L]."""
        return self.unet(x, t, encoder_hidden_states=self.text_encoder(tokens)[0]).sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("data/tiny_teacher"))
    parser.add_argument("--minutes", type=float, default=130)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=LEARNING_RATE)
    parser.add_argument("--bank", type=int, default=48_000, help="Pictures that are encoded first.")
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.manual_seed(SEED)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = open_tokenizer(arguments.work / "tokenizer")
    means, stds, captions = open_bank(arguments.work, arguments.bank, device)
    factor = 1 / latent_std(means, stds)
    tokens = torch.from_numpy(tokenize(tokenizer, [*captions, ""]))
    model = TextToNoise(tokenizer).to(device).train()
    average = make_average(model)
    optimizer = make_unet_optimizer(model, arguments.learning_rate)
    state = {"model": model, "average": average, "optimizer": optimizer}
    budget = Budget(arguments.work / "unet.pt", arguments.minutes, state)
    alphas_cumprod = make_scheduler().alphas_cumprod.to(device)

    def make(step: int) -> tuple[Tensor, ...]:
        generator = np.random.Generator(np.random.Philox(key=[SEED, step]))
        num = arguments.batch_size
        rows = generator.integers(len(means), size=num)
        noise = generator.standard_normal((2, num, *means.shape[1:]), dtype=np.float32)
        x0 = factor * (means[rows] + stds[rows] * noise[0])
        named = np.where(generator.random(num) < EMPTY_SHARE, len(captions), rows)
        # Every part of the time axis in every batch: less noise in the gradient.
        t = (1000 * (np.arange(num) + generator.random(num)) / num).astype(np.int64)
        return torch.from_numpy(x0), torch.from_numpy(noise[1]), torch.from_numpy(t), tokens[named]

    batches = prefetch(make, budget.step)
    while budget.left:
        x0, eps, t, ids = (item.to(device) for item in next(batches))
        optimizer.set_rate(budget.rate)
        alpha_bar = alphas_cumprod[t].view(-1, 1, 1, 1)
        error = model(alpha_bar.sqrt() * x0 + (1 - alpha_bar).sqrt() * eps, t, ids) - eps
        per_sample = error.square().mean(dim=(1, 2, 3))
        snr = (alpha_bar / (1 - alpha_bar)).flatten()
        loss = (per_sample * snr.clamp(*SNR_RANGE) / snr).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(model)
        budget.tick(float(per_sample.detach().mean()))


def make_average(model: TextToNoise) -> AveragedModel:
    """Return the moving average of a model's weights."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY))


def make_unet_optimizer(model: TextToNoise, learning_rate: float = LEARNING_RATE) -> MuonAdamW:
    """Return the optimizer; the UNet's first and last layers are AdamW's."""
    return make_optimizer(model, (learning_rate, 1e-3), 1e-2, ("conv_in", "conv_out"))


def open_tokenizer(folder: Path) -> CLIPTokenizer:
    """Return the tokenizer; written when first asked for."""
    if not folder.exists():
        write_tokenizer(folder)
    return CLIPTokenizer.from_pretrained(folder)


def tokenize(tokenizer: CLIPTokenizer, captions: list[str]) -> np.ndarray:
    """Return token ids [N, L], padded and cut as Stable Diffusion's pipeline does."""
    encoded = tokenizer(captions, padding="max_length", truncation=True, return_tensors="np")
    return encoded.input_ids.astype(np.int64)


def open_bank(
    work: Path, num: int, device: torch.device
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return posterior means and stds [N, 4, 16, 16] and captions of N painted pictures.

    Made once and kept in `work`; delete bank.npz to make it anew after training the encoder again.
    """
    path = work / "bank.npz"
    if not path.exists():
        write_bank(path, work, num, device)
    with np.load(path) as bank:
        captions = bank["captions"].tolist()
        return bank["means"].astype(np.float32), bank["stds"].astype(np.float32), captions


@torch.no_grad()
def write_bank(path: Path, work: Path, num: int, device: torch.device) -> None:
    """Paint and encode `num` pictures of compositions that training may see."""
    vae = make_vae().to(device).eval()
    vae.load_state_dict(torch.load(work / "vae.pt", weights_only=True)["vae"])
    batches = prefetch(lambda step: paint_batch(ENCODE_BATCH, SEED, step), 0)
    means, stds, captions = [], [], []
    start = told = time.monotonic()
    while len(captions) < num:
        batch = next(batches)
        posterior = vae.encode(batch.pictures.to(device)).latent_dist
        means.append(posterior.mean.half().cpu().numpy())
        stds.append(posterior.std.half().cpu().numpy())
        captions += batch.captions
        if time.monotonic() - told > 30:
            told = time.monotonic()
            rate = len(captions) / (told - start)
            print(f"bank: {len(captions)} of {num} pictures, {rate:.0f}/s", flush=True)
    unfinished = path.with_suffix(".unfinished.npz")
    content = {"means": np.concatenate(means), "stds": np.concatenate(stds)}
    np.savez(unfinished, captions=np.array(captions), **content)
    unfinished.replace(path)


def latent_std(means: np.ndarray, stds: np.ndarray) -> float:
    """Return the standard deviation of latents drawn from all posteriors."""
    return float(np.sqrt(means.var(dtype=np.float64) + np.square(stds, dtype=np.float64).mean()))


if __name__ == "__main__":
    main()
