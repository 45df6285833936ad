"""What the perceptual networks of the tiny world learn from, and the files that are shipped."""

import pytest
import torch
from train_perceptual import (
    BANK_SEED,
    HELD_OUT_SEED,
    SEEDS,
    decoder_identity,
    labels_of,
    make_triplets,
    read,
    to_inputs,
    to_levels,
)

from pairgen.config import packaged_assets
from pairgen.jobs.latent_lpips.memory import MemoryBatches
from pairgen.networks.lpips_file import load_lpips, packaged_lpips, read_origin
from pairgen.sources.painted.compositions import all_compositions, load_concepts
from pairgen.teachers.base import Decoder
from pairgen.types import canonical_json

SHIPPED = {"latent": 4, "pixel": 3}


def test_the_label_is_the_thing_whatever_its_style_colour_and_background():
    compositions = all_compositions()
    labels = labels_of(compositions)
    plain, paintable = load_concepts()
    assert set(labels.tolist()) == set(range(len(plain) + len(paintable))) == set(range(155))
    things = {(each.concept, int(label)) for each, label in zip(compositions, labels, strict=True)}
    assert len(things) == 155


def test_pictures_become_inputs_and_latents_stay():
    pictures = torch.tensor([0, 255], dtype=torch.uint8).reshape(1, 1, 1, 2)
    assert to_inputs(pictures).flatten().tolist() == [-1, 1]
    latents = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(to_inputs(latents), latents)
    levels = torch.arange(24, dtype=torch.uint8).reshape(1, 2, 4, 3)
    assert to_levels(levels.numpy())[0, 2, 1, 3] == levels[0, 1, 3, 2]
    batches = MemoryBatches(
        {"inputs": pictures.repeat(4, 1, 1, 1), "labels": torch.arange(4)}, 2, 0
    )
    given = read(next(iter(batches)))
    assert (given.inputs.dtype, given.inputs.shape) == (torch.float32, (2, 1, 1, 2))
    assert not given.held_out.any()


class Halves:
    """A decoder and encoder that lose nothing but a factor."""

    device = torch.device("cpu")

    def decode(self, latent):
        return latent[:, :3].repeat_interleave(4, 2).repeat_interleave(4, 3) / 2

    def encode(self, image, generator):
        small = torch.nn.functional.avg_pool2d(image, 4) * 2
        return torch.cat((small, small[:, :1]), dim=1)


def test_triplets_are_made_of_seen_compositions_and_judged_on_others():
    generator = torch.Generator().manual_seed(0)
    seen, others = torch.randn(2, 40, 4, 16, 16, generator=generator)
    teacher: Decoder = Halves()
    batches = list(make_triplets(seen, others[:24], teacher, "latent", 5))
    assert [len(batch.kinds) for batch in batches] == [16, 16, 8, 16, 8]
    assert [bool(batch.held_out.all()) for batch in batches] == [False] * 3 + [True] * 2
    assert all(batch.first.shape == batch.reference.shape for batch in batches)
    # The weaker of two distortions is nearer by the plain distance, nearly always.
    first, second, judge = (
        torch.cat([each(batch) for batch in batches])
        for each in (
            lambda batch: (batch.first - batch.reference).square().mean((1, 2, 3)),
            lambda batch: (batch.second - batch.reference).square().mean((1, 2, 3)),
            lambda batch: batch.judge,
        )
    )
    assert float(((first > second) == judge.bool()).float().mean()) > 0.85
    assert 0.3 < float(judge.mean()) < 0.7


def test_the_seeds_are_none_of_the_evaluation_nets():
    import judge_report
    import train_judge

    taken = {
        getattr(m, n) for m in (train_judge, judge_report) for n in dir(m) if n.endswith("SEED")
    }
    assert not taken & {BANK_SEED, HELD_OUT_SEED, *SEEDS.values()}


@pytest.mark.parametrize("space", SHIPPED)
def test_the_shipped_networks_are_small_and_put_a_stronger_distortion_farther(space):
    path = packaged_assets() / f"perceptual/tiny_{space}.safetensors"
    assert path.stat().st_size <= 2_000_000
    assert f"--space {space}" in read_origin(path).made_by
    # Whoever trains with the embedded teacher finds it by the identity of the VAE.
    location = packaged_lpips(canonical_json(decoder_identity()), SHIPPED[space])
    assert location.endswith(path.name)
    lpips = load_lpips(location, SHIPPED[space], torch.device("cpu"))
    size = 16 if space == "latent" else 64
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, 16, SHIPPED[space], size, size, generator=generator) * 0.5
    means = [float(lpips(x, x + s * noise).mean()) for s in (0.05, 0.2, 0.8)]
    assert means == sorted(means)
    assert all((weight >= 0).all() for weight in lpips.weights)
