"""A training on a folder of buckets: steps of several shapes, and the exact continuation."""

from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

import pairgen
from pairgen.training.loop.checkpoint import find_checkpoints

OPTIONS = {"method": "tests.training.toy_restorer", "source": "png", "scale": 1, "batch_size": 2}


def weights(run: Path) -> dict[str, torch.Tensor]:
    last = find_checkpoints(run / "checkpoints")[-1]
    return {
        f"{path.name}:{name}": tensor
        for path in sorted(last.glob("*.safetensors"))
        for name, tensor in load_file(path).items()
    }


def test_a_run_reads_every_bucket_and_continues_exactly(train, sd15_folder, tmp_path):
    photos, data = tmp_path / "photos", tmp_path / "real"
    photos.mkdir()
    generator = np.random.default_rng(0)
    for number, (width, height) in enumerate([(80, 48)] * 4 + [(48, 80)] * 4):
        pixels = generator.integers(256, size=(height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photos / f"{number}.png")
    pairgen.collect(images=str(photos), out=str(data), size=64, bucket=True, executor="serial")
    options = {**OPTIONS, "model": str(sd15_folder), "checkpoint_every": 2}
    whole = train(data, "whole", steps=4, **options).folder
    train(data, "parts", steps=2, **options)
    parts = train(data, "parts", steps=4, resume=True, **options).folder
    found, expected = weights(parts), weights(whole)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    # The run remembers the sub-sets that it has read.
    remembered = yaml.safe_load((whole / "config.yaml").read_text())["data"]
    assert remembered == [str(data / "48x80"), str(data / "80x48")]
