"""Images are prepared as transformers does, from files of any age."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
from transformers.models.segformer.image_processing_pil_segformer import SegformerImageProcessorPil

from pairgen.teachers._pretrained.files import find_snapshot
from pairgen.vision.preparation import FILE, read_preparation
from tests.vision_models import IMAGENET

SIZES = [(32, 32), (50, 40), (33, 90), (24, 24), (300, 200)]
SMALL_CLIP = {"size": {"shortest_edge": 24}, "crop_size": {"height": 24, "width": 24}}
SMALL_DINO = {"size": {"shortest_edge": 32}, "crop_size": {"height": 28, "width": 28}, **IMAGENET}
SMALL_DPT = {"size": {"height": 42, "width": 42}, "keep_aspect_ratio": True}
SQUARE = {"size": {"height": 40, "width": 24}}


def assert_prepared_alike(folder: Path, processor, square: bool, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(7).integers(256, size=(*size, 3), dtype=np.uint8)
    prepare = read_preparation(find_snapshot(str(folder), "", ()), square=square)
    expected = processor.from_pretrained(folder)(Image.fromarray(pixels), return_tensors="np")
    np.testing.assert_allclose(prepare(pixels), expected["pixel_values"][0], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("processor", "options"),
    [
        (CLIPImageProcessorPil, SMALL_CLIP),
        (CLIPImageProcessorPil, SMALL_DINO),
        (DPTImageProcessorPil, SMALL_DPT | {"ensure_multiple_of": 14}),
        (SegformerImageProcessorPil, SQUARE),
        (BlipImageProcessorPil, SQUARE),
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_images_are_prepared_as_transformers_does(tmp_path, processor, options, size) -> None:
    processor(**options).save_pretrained(tmp_path)
    assert_prepared_alike(tmp_path, processor, processor.default_to_square, size)


@pytest.mark.parametrize(
    ("processor", "square"),
    [
        (CLIPImageProcessorPil, False),
        (DPTImageProcessorPil, True),
        (SegformerImageProcessorPil, True),
        (BlipImageProcessorPil, True),
    ],
)
@pytest.mark.parametrize("size", SIZES)
def test_a_size_of_one_number_means_what_the_class_says(tmp_path, processor, square, size) -> None:
    old = {"size": 28, "resample": 2, "do_resize": True, "do_normalize": True, **IMAGENET}
    if processor is CLIPImageProcessorPil:
        old |= {"do_center_crop": True, "crop_size": 24}
    (tmp_path / FILE).write_text(json.dumps(old))
    assert_prepared_alike(tmp_path, processor, square, size)
