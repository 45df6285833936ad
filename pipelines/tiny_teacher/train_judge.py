"""Train the evaluation net ("judge") on painted pictures and their captions.

    python pipelines/tiny_teacher/train_judge.py --minutes 20

Writes the folder that `pairgen.evaluation.judge` loads, with the statistics of real pictures, and
prints how often a picture of a held-out composition finds its own caption among 17,600 others. A
stopped run goes on when it is started again. Nothing that is trained may use what comes out.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from batches import SIZE, vary_caption
from budget import Budget
from captions_nearby import Neighbours
from judge_report import write_judge
from numpy.typing import NDArray
from picture_bank import Bank, open_bank
from soften import draw_softness, soften
from tokenizer import write_tokenizer
from torch import Tensor, nn
from transformers import CLIPTokenizer

from pairgen.evaluation.picture_text_net import PictureTextNet
from pairgen.sources.painted.compositions import Composition, all_compositions

BANK_SEED, BATCH_SEED = 7001, 7002
NUM_BLOCKS = 128
MAX_SHIFT = 3
NUM_NEIGHBOURS = 2


class JudgeBatch(NamedTuple):
    """B pictures, E extra captions.

    Attributes:
        pictures: [B, 3, 64, 64] in [-1, 1].
        shown: Composition of each picture, [B].
        captions: Of the pictures, then the extra ones; B + E.
        said: Composition of each caption, [B + E].
    """

    pictures: Tensor
    shown: Tensor
    captions: list[str]
    said: Tensor


class Temperature(nn.Module):
    """The learned temperature, which only training needs."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def scale(self) -> Tensor:
        """Return the inverse temperature, at most 100, []."""
        return self.log_scale.clamp(max=math.log(100)).exp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("data/tiny_teacher"))
    parser.add_argument("--out", type=Path, default=Path("pairgen/assets/judge"))
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    arguments = parser.parse_args()
    torch.set_flush_denormal(True)
    if not (arguments.work / "tokenizer").exists():
        write_tokenizer(arguments.work / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(arguments.work / "tokenizer")
    compositions = all_compositions()
    places = {composition: place for place, composition in enumerate(compositions)}
    seen = [place for place, each in enumerate(compositions) if not each.held_out]
    neighbours = Neighbours(compositions, seen)
    bank = open_bank(
        arguments.work / "judge_bank",
        NUM_BLOCKS,
        BANK_SEED,
        places,
    )
    torch.manual_seed(BATCH_SEED)
    net, temperature = PictureTextNet(len(tokenizer)).train(), Temperature()
    parameters = [*net.parameters(), *temperature.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=0, betas=(0.9, 0.98), weight_decay=0.02)
    state = {"net": net, "temperature": temperature, "optimizer": optimizer}
    budget = Budget(arguments.work / "judge.pt", arguments.minutes, state)
    while budget.left:
        generator = np.random.Generator(np.random.Philox(key=[BATCH_SEED, budget.step]))
        batch = draw_batch(bank, arguments.batch_size, compositions, neighbours, generator)
        encoded = tokenizer(batch.captions, padding=True, return_tensors="pt")
        loss = batch_loss(net, batch, encoded, temperature.scale())
        for group in optimizer.param_groups:
            group["lr"] = arguments.learning_rate * budget.rate
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        budget.tick(float(loss.detach()))
    trained = {
        "pictures": len(bank.pictures),
        "steps": budget.step,
        "batch_size": arguments.batch_size,
        "minutes": round(budget.spent / 60, 1),
        "scale": round(float(temperature.scale().detach()), 2),
    }
    write_judge(arguments.out, net.eval(), arguments.work / "tokenizer", trained)


def batch_loss(
    net: PictureTextNet, batch: JudgeBatch, encoded: Mapping[str, Tensor], scale: Tensor
) -> Tensor:
    """Return the contrastive loss of a batch."""
    pictures = net.embed_features(net.features(batch.pictures))
    captions = net.embed_tokens(encoded["input_ids"], encoded["attention_mask"])
    return contrastive_loss(pictures, captions, batch.shown, batch.said, scale)


def draw_batch(
    bank: Bank,
    num: int,
    compositions: Sequence[Composition],
    neighbours: Neighbours,
    generator: np.random.Generator,
) -> JudgeBatch:
    """Draw a batch: pictures, captions as people say them, and captions that are almost true."""
    rows = np.sort(generator.choice(len(bank.pictures), num, replace=False))
    shown = bank.shown[rows]
    nearby = [
        neighbours.draw(int(place), generator) for place in shown for _ in range(NUM_NEIGHBOURS)
    ]
    captions = [vary_caption(compositions[place], generator) for place in shown]
    captions += [compositions[place].caption for place in nearby]
    pictures = move(bank.pictures[rows], generator)
    pictures = soften(pictures, draw_softness(num, generator), generator)
    said = torch.from_numpy(np.concatenate((shown, np.array(nearby, np.int32))))
    return JudgeBatch(pictures, said[:num], captions, said)


def move(pictures: NDArray[np.uint8], generator: np.random.Generator) -> Tensor:
    """Shift, flip and lighten pictures [B, 64, 64, 3] of 0..255; return [B, 3, 64, 64].

    Shifts are up to 3 px, the border is repeated; half of the pictures are flipped; gain and
    offset vary by up to 5 %.
    """
    num = len(pictures)
    tops, lefts = generator.integers(0, 2 * MAX_SHIFT + 1, (2, num))
    flipped = generator.random(num) < 0.5
    border = (MAX_SHIFT, MAX_SHIFT)
    padded = np.pad(pictures, ((0, 0), border, border, (0, 0)), mode="edge")
    moved = np.stack(
        [
            picture[top : top + SIZE, left : left + SIZE]
            for picture, top, left in zip(padded, tops, lefts, strict=True)
        ]
    )
    moved[flipped] = moved[flipped, :, ::-1]
    gain, offset = torch.from_numpy(generator.uniform(-0.05, 0.05, (2, num, 1, 1, 1))).float()
    values = torch.from_numpy(moved).permute(0, 3, 1, 2).float() / 127.5 - 1
    return values * (1 + gain) + offset


def contrastive_loss(
    pictures: Tensor, captions: Tensor, shown: Tensor, said: Tensor, scale: Tensor
) -> Tensor:
    """Symmetric InfoNCE: each picture finds its caption among all, and the other way round.

    A caption of the same composition as a picture's is true of it and no negative.

    Args:
        pictures: Unit-length embeddings, [B, D].
        captions: Unit-length embeddings; the first B belong to the pictures, [B + E, D].
        shown: Composition of each picture, [B].
        said: Composition of each caption, [B + E].
        scale: Inverse temperature, [].

    Reference:
        van den Oord et al. 2018, arXiv:1807.03748, Equation 4; symmetric as in Radford et al.
        2021, arXiv:2103.00020, Figure 3.
    """
    num = len(pictures)
    true_too = shown[:, None] == said[None]
    true_too[:, :num].fill_diagonal_(False)
    logits = (scale * pictures @ captions.T).masked_fill(true_too, -math.inf)
    own = torch.arange(num)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits[:, :num].T, own)) / 2


if __name__ == "__main__":
    main()
