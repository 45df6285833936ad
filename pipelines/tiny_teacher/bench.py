"""What the parts of the evaluation share: folders, seed, judge, and pictures real and sampled."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from batches import paint_all
from numpy.typing import NDArray
from torch import Tensor

import pairgen
from pairgen.drawing.pictures import decode_latents, first_latents
from pairgen.evaluation.agreement import caption_ranks, top_k_agreement
from pairgen.evaluation.judge import Judge, load_judge
from pairgen.model_config import find_model
from pairgen.shards.storage.store import open_store
from pairgen.sources.painted.compositions import Composition, all_compositions, draw_where
from pairgen.teachers import latent_diffusion


@dataclass
class Bench:
    """What the parts share: folders, seed and judge."""

    work: Path
    model: str
    cfg: float
    seed: int

    @cached_property
    def judge(self) -> Judge:
        """Measures them."""
        return load_judge()

    @cached_property
    def candidates(self) -> NDArray[np.float32]:
        """Embeddings of every caption of the training."""
        seen = [each.caption for each in all_compositions() if not each.held_out]
        return self.judge.embed_captions(seen)

    @cached_property
    def samples(self) -> Path:
        """Folder of the samples: another one for other weights, guidance or seed."""
        identity = latent_diffusion.describe(location=find_model(self.model).location).identity
        told = json.dumps([dict(identity), self.cfg, self.seed], sort_keys=True)
        return self.work / "evaluation" / hashlib.sha256(told.encode()).hexdigest()[:8]

    def generator(self, part: int) -> np.random.Generator:
        """Return the generator of a part; no two share numbers."""
        return np.random.Generator(np.random.Philox(key=[self.seed, part]))

    def real(self, compositions: list[Composition], part: int) -> Tensor:
        """Paint pictures [N, 3, 64, 64], rounded to 8 bits as generated ones are."""
        pictures = paint_all(compositions, self.generator(part))
        return to_network(to_bytes(pictures))

    def agreement(self, pictures: Tensor, compositions: list[Composition]) -> float:
        """Share of pictures whose caption is among the 5 best of all training captions."""
        own = self.judge.embed_captions([each.caption for each in compositions])
        ranks = caption_ranks(self.judge.embed_pictures(pictures), own, self.candidates)
        return top_k_agreement(ranks, 5)

    def sampled(self, name: str, captions: list[str]) -> Tensor:
        """Sample one picture a caption with `pairgen ode`; continued when interrupted."""
        folder = self.samples / name
        folder.mkdir(parents=True, exist_ok=True)
        prompts = folder / "captions.txt"
        prompts.write_text("\n".join(captions) + "\n", encoding="utf-8")
        manifest = pairgen.ode(
            model=self.model,
            cfg=self.cfg,
            prompts=str(prompts),
            num_samples=len(captions),
            samples_per_shard=64,
            out=str(folder / "pairs"),
            seed=self.seed,
            cpu_threads=torch.get_num_threads(),
        )
        store = open_store(folder / "pairs")
        found, _, latents = first_latents(store, manifest, len(captions))
        assert found == captions
        return to_network(torch.from_numpy(decode_latents(manifest, latents)).permute(0, 3, 1, 2))


def to_bytes(pictures: Tensor) -> Tensor:
    """Round pictures in [-1, 1] to 8 bits."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().byte()


def to_network(pictures: Tensor) -> Tensor:
    """Return 8-bit pictures in [-1, 1]."""
    return pictures.float() / 127.5 - 1


def draw_many(
    bench: Bench, num: int, part: int, wanted: Callable[[Composition], bool]
) -> list[Composition]:
    """Draw compositions as training does, keeping those that are wanted."""
    generator = bench.generator(part)
    return [draw_where(generator, wanted) for _ in range(num)]
