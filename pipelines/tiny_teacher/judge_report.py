"""Write the judge's folder: weights, tokenizer, statistics of real pictures, how well it agrees."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from batches import paint_all, paint_batch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors
from soften import blur
from tokenizer import write_json
from torch import Tensor

from pairgen.evaluation.agreement import caption_ranks, top_k_agreement
from pairgen.evaluation.frechet import Statistics, frechet_distance, statistics
from pairgen.evaluation.judge import (
    CONFIG,
    JUDGE_VERSION,
    STATISTICS,
    TOKENIZER,
    WEIGHTS,
    Judge,
    load_judge,
)
from pairgen.evaluation.picture_text_net import PictureTextNet
from pairgen.sources.painted.compositions import Composition, all_compositions, draw_where

STATISTICS_SEED, FRESH_SEED, HELD_OUT_SEED = 7003, 7004, 7005
NUM_STATISTICS, NUM_FRESH, NUM_HELD_OUT = 10_240, 2_048, 1_024
BLOCK = 256
PARTS = ("style", "colour", "concept", "background")


def write_judge(out: Path, net: PictureTextNet, tokenizer: Path, trained: dict[str, Any]) -> None:
    """Write the folder beside `out`, measure what was written, then put it in its place."""
    unfinished = out.with_name(out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(tokenizer, unfinished / TOKENIZER)
    weights = {
        name: value.half() if value.is_floating_point() else value
        for name, value in net.state_dict().items()
    }
    save_tensors(
        {name: value.contiguous() for name, value in weights.items()}, unfinished / WEIGHTS
    )
    config: dict[str, Any] = {
        "version": JUDGE_VERSION,
        "num_tokens": net.text_tower.tokens.num_embeddings,
        "trained": trained,
    }
    write_json(unfinished / CONFIG, config)
    # Measured as it will be used: with the rounded weights.
    judge = load_judge(unfinished)
    real = statistics(judge.features(paint_seen(NUM_STATISTICS, STATISTICS_SEED)))
    save_file(
        {"mean": real.mean, "cov": real.cov, "count": np.array(real.count)}, unfinished / STATISTICS
    )
    config["statistics"] = {
        "count": real.count,
        "pictures": "painted, not softened; training split, drawn as in training",
        "seed": STATISTICS_SEED,
    }
    config["held_out_agreement"] = measure_agreement(judge)
    config["frechet_distance"] = measure_distances(judge, real)
    write_json(unfinished / CONFIG, config)
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    unfinished.rename(out)
    num_bytes = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(json.dumps(config, indent=2))
    print(f"{out}: {num_bytes / 1e6:.2f} MB")


def measure_agreement(judge: Judge) -> dict[str, float]:
    """Rank the captions of freshly painted held-out compositions among all training captions.

    Also returns which parts of the caption in the first place are right.
    """
    generator = np.random.Generator(np.random.Philox(key=[HELD_OUT_SEED, 0]))
    shown = [draw_where(generator, lambda each: each.held_out) for _ in range(NUM_HELD_OUT)]
    seen = [composition for composition in all_compositions() if not composition.held_out]
    pictures = judge.embed_pictures(paint_all(shown, generator))
    own = judge.embed_captions([composition.caption for composition in shown])
    candidates = judge.embed_captions([composition.caption for composition in seen])
    ranks = caption_ranks(pictures, own, candidates)
    best = (pictures @ candidates.T).argmax(axis=1)
    firsts = [
        composition if rank == 1 else seen[place]
        for composition, rank, place in zip(shown, ranks, best, strict=True)
    ]
    found = {"pictures": len(shown), "candidates": len(seen) + 1}
    found |= {f"top_{k}": round(top_k_agreement(ranks, k), 4) for k in (1, 5)}
    return found | {f"{part}_right": share_right(shown, firsts, part) for part in PARTS}


def share_right(shown: Sequence[Composition], said: Sequence[Composition], part: str) -> float:
    """Return how often a part of what is said is a part of what is shown."""
    right = [getattr(a, part) == getattr(b, part) for a, b in zip(shown, said, strict=True)]
    return round(float(np.mean(right)), 4)


def measure_distances(judge: Judge, real: Statistics) -> dict[str, float]:
    """Return distances from the statistics: of fresh real pictures, and of the same blurred."""
    pictures = paint_seen(NUM_FRESH, FRESH_SEED)
    found: dict[str, float] = {"pictures": len(pictures)}
    for sigma in (0.0, 0.5, 1.0):
        blurred = torch.cat(
            [blur(part, torch.full((len(part),), sigma)) for part in pictures.split(BLOCK)]
        )
        fake = statistics(judge.features(blurred))
        distance = frechet_distance(real.mean, real.cov, fake.mean, fake.cov)
        found[f"real_blurred_{sigma:g}_px" if sigma else "real"] = round(distance, 3)
    return found


def paint_seen(num: int, seed: int) -> Tensor:
    """Paint pictures [N, 3, 64, 64] of training compositions, as training draws them."""
    blocks = range(num // BLOCK)
    return torch.cat([paint_batch(BLOCK, seed, block).pictures for block in blocks])
