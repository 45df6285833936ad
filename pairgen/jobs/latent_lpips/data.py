"""Training data for the classifier and the calibration of a perceptual network."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

import torch
from torch import Tensor

from pairgen.errors import ConfigError
from pairgen.jobs.latent_lpips.classification import Labelled
from pairgen.jobs.latent_lpips.distorted import distort
from pairgen.jobs.latent_lpips.labels import PAIR, Classes, is_held_out
from pairgen.jobs.latent_lpips.options import LatentLpipsOptions
from pairgen.jobs.latent_lpips.triplets import Triplets
from pairgen.shards.loading.batch import Batch
from pairgen.shards.loading.loader import Loader
from pairgen.teachers.base import Teacher
from pairgen.training.options import TrainConfig

LATENT, PROMPT = "latent.npy", "txt"
# Triplets made at a time: each has three images that go through the encoder.
TRIPLET_BATCH = 16


@dataclass(frozen=True)
class TrainingData:
    """What both trainings read.

    Attributes:
        config: The run's config.
        options: Options of the method.
        classes: Classes of the datasets.
        teacher: Teacher that decodes and encodes.
        device: Device of the tensors.
    """

    config: TrainConfig
    options: LatentLpipsOptions
    classes: Classes
    teacher: Teacher
    device: torch.device

    def load(self, state: Mapping[str, Any] | None, batch_size: int) -> Loader:
        """Return batches of the datasets; a sample's guidance scale does not affect its class."""
        return Loader(
            self.config.data,
            fields=[LATENT, PROMPT],
            facts=[PAIR],
            batch_size=batch_size,
            seed=self.config.seed,
            window=self.config.window,
            where=self.config.where or None,
            guidance_embedding=True,
            allow_shared_noise=True,
            skip_bad=self.config.skip_bad,
            device=self.device,
            state=state,
        )

    def read(self, batch: Batch) -> Labelled:
        """Return the classifier's inputs from a batch."""
        inputs = batch[LATENT].float()
        if self.options.space == "pixel":
            with torch.no_grad():
                inputs = self.teacher.decode(inputs).clamp(-1, 1)
        labels = self.classes.of(batch.texts[PROMPT], self.device)
        return Labelled(inputs, labels, self.held_out(batch).to(self.device))

    def held_out(self, batch: Batch) -> Tensor:
        """Return which samples of a batch are not trained on, [B] bool."""
        pairs = batch.facts[PAIR]
        assert isinstance(pairs, Tensor)
        return is_held_out(batch.sets.tolist(), pairs.tolist(), self.options.held_out)

    def every_sample(self) -> Iterator[Batch]:
        """Yield batches that leave out no sample."""
        num = self.classes.num_samples
        sizes = range(1, min(self.config.batch_size, num) + 1)
        yield from self.load(None, max(size for size in sizes if num % size == 0))

    def check_triplets(self) -> None:
        """Raise ConfigError if all triplets to be made are held out, or none is."""
        num_held_out = sum(
            int(self.held_out(batch)[:num].sum()) for batch, num in self._triplet_batches()
        )
        num = self.options.num_triplets - num_held_out
        if num == 0 or num_held_out == 0:
            raise ConfigError(
                f"num_triplets and held_out must leave triplets for training and evaluation, got "
                f"{num:,} and {num_held_out:,}."
            )

    def distorted(self) -> Iterator[Triplets]:
        """Yield triplets of the datasets' own latents, as many as requested."""
        first = 0
        for whole, num in self._triplet_batches():
            latents = whole[LATENT].to(self.device).float()
            yield distort(
                latents[:num],
                # Before truncating the last batch: a single sample would have no neighbour.
                latents.roll(1, 0)[:num],
                range(first, first + num),
                self.held_out(whole)[:num],
                self.teacher,
                self.options.space,
                self.config.seed,
            )
            first += num

    def _triplet_batches(self) -> Iterator[tuple[Batch, int]]:
        """Yield complete batches of two samples or more, and how many triplets to make of each."""
        left = self.options.num_triplets
        loader = self.load(None, min(TRIPLET_BATCH, self.classes.num_samples))
        for batch in chain.from_iterable(repeat(loader)):
            yield batch, min(left, len(batch))
            left -= len(batch)
            if left <= 0:
                return
