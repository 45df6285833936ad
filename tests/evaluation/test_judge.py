"""The judge: what its net promises, what the shipped weights can do, and broken folders."""

import json
import shutil
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pairgen.errors import ConfigError
from pairgen.evaluation.frechet import frechet_distance
from pairgen.evaluation.judge import Judge, judge_folder, load_judge, load_statistics
from pairgen.evaluation.picture_text_net import DIMENSION, NUM_CONTENT

COLOURS = {
    "white": (0.98, 0.98, 0.98),
    "black": (0.06, 0.06, 0.06),
    "red": (0.88, 0.12, 0.14),
    "yellow": (0.99, 0.89, 0.18),
    "green": (0.16, 0.68, 0.26),
    "blue": (0.14, 0.36, 0.90),
}


@pytest.fixture(scope="module")
def judge() -> Judge:
    return load_judge()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the packaged judge, to break."""
    return Path(shutil.copytree(judge_folder(), tmp_path / "judge"))


def disc(colour: str, background: str, size: int = 64) -> torch.Tensor:
    """Return a picture [3, size, size] in [-1, 1] of a disc."""
    across = torch.linspace(-1, 1, size)
    inside = torch.hypot(across[:, None], across[None]) < 0.7
    inks = (torch.tensor(COLOURS[name]).view(3, 1, 1) for name in (colour, background))
    return torch.where(inside, *inks) * 2 - 1


def some_pictures(num: int) -> torch.Tensor:
    return torch.rand(num, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_features_and_embeddings_have_their_shapes_and_lengths(judge):
    pictures = some_pictures(3)
    features, embeddings = judge.features(pictures), judge.embed_pictures(pictures)
    assert features.shape == embeddings.shape == (3, DIMENSION)
    assert features.dtype == embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(judge.embed_features(features), embeddings)
    captions = judge.embed_captions(["a 3d apple on a blue background", "a flat cat"])
    assert captions.shape == (2, DIMENSION)
    np.testing.assert_allclose(np.linalg.norm(captions, axis=1), 1, atol=1e-6)


def test_features_do_not_depend_on_the_batch(judge):
    pictures = some_pictures(300)
    together = judge.features(pictures)
    alone = np.concatenate([judge.features(pictures[i : i + 1]) for i in (0, 17, 255, 256, 299)])
    np.testing.assert_allclose(alone, together[[0, 17, 255, 256, 299]], atol=1e-4)


def test_a_caption_does_not_depend_on_its_neighbours_length(judge):
    short, long = "a cat", "a silver silhouette of two very old trees on a small blue boat at sea"
    alone, beside = judge.embed_captions([short]), judge.embed_captions([short, long])
    np.testing.assert_allclose(beside[:1], alone, atol=1e-6)


def test_sizes_and_values_beyond_the_range_are_brought_into_it(judge):
    small, large = (disc("red", "white", size)[None] for size in (64, 512))
    a, b, flat = (judge.embed_pictures(each)[0] for each in (small, large, 0 * small))
    assert a @ b > 0.95 > a @ flat
    bright = small * 1.5
    np.testing.assert_array_equal(judge.features(bright), judge.features(bright.clamp(-1, 1)))


@pytest.mark.parametrize(
    "pictures",
    [torch.zeros(3, 64, 64), torch.zeros(1, 1, 64, 64), torch.zeros(1, 3, 64, 64).byte()],
)
def test_what_is_no_picture_is_refused(judge, pictures):
    with pytest.raises(ConfigError, match="floating point"):
        judge.features(pictures)


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (np.zeros((1, 3, 64, 64), np.float32), "must be a tensor, got ndarray"),
        (torch.zeros(1, 3, 0, 5), "floating point"),
        (torch.full((1, 3, 64, 64), torch.nan), "must be finite"),
    ],
)
def test_what_cannot_be_measured_is_refused(judge, pictures, message):
    with pytest.raises(ConfigError, match=message):
        judge.features(pictures)


def test_captions_are_a_list_and_may_be_none(judge):
    with pytest.raises(ConfigError, match="list of texts, got the text 'a cat'"):
        judge.embed_captions("a cat")
    assert judge.embed_captions([]).shape == (0, DIMENSION)


def test_double_precision_and_a_path_as_text_are_taken(judge):
    features = judge.features(some_pictures(2))
    np.testing.assert_array_equal(
        judge.embed_features(features.astype(np.float64)), judge.embed_features(features)
    )
    assert load_statistics(str(judge_folder())).count > 10_000
    load_judge(str(judge_folder()))


def test_the_order_of_words_matters(judge):
    one, swapped = judge.embed_captions(
        ["a red apple on a blue background", "a blue apple on a red background"]
    )
    assert one @ swapped < 0.7


def test_colour_and_background_are_not_confused(judge):
    pairs = list(permutations(COLOURS, 2))
    pictures = judge.embed_pictures(torch.stack([disc(*pair) for pair in pairs]))
    captions = judge.embed_captions(
        [
            f"a {colour} full moon silhouette on a {background} background"
            for colour, background in pairs
        ]
    )
    best = (pictures @ captions.T).argmax(axis=1)
    assert [pairs[place] for place in best] == pairs


def test_a_soft_picture_still_fits_its_caption(judge):
    sharp = torch.stack([disc(*pair) for pair in permutations(COLOURS, 2)])
    soft = torch.nn.functional.avg_pool2d(sharp, 5, stride=1, padding=2, count_include_pad=False)
    cosines = (judge.embed_pictures(sharp) * judge.embed_pictures(soft)).sum(axis=1)
    assert cosines.mean() > 0.9


def test_the_folder_is_small_and_holds_no_pickle():
    files = [path for path in judge_folder().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 2_000_000
    assert {path.suffix for path in files} == {".json", ".safetensors", ".txt"}


def test_the_shipped_judge_was_good_enough():
    agreement = json.loads((judge_folder() / "config.json").read_text())["held_out_agreement"]
    assert agreement["candidates"] > 17_000
    assert agreement["top_5"] >= 0.9


def test_the_shipped_judge_saw_softness():
    distances = json.loads((judge_folder() / "config.json").read_text())["frechet_distance"]
    real = distances["real"]
    assert 0 < real < 1
    assert distances["real_blurred_1_px"] > distances["real_blurred_0.5_px"] > 2 * real


def test_softness_moves_the_measured_features_and_hardly_the_others(judge):
    sharp = torch.stack([disc(*pair) for pair in permutations(COLOURS, 2)])
    soft = torch.nn.functional.avg_pool2d(sharp, 3, stride=1, padding=1, count_include_pad=False)
    moved = np.abs(judge.features(soft) - judge.features(sharp)).mean(axis=0)
    assert moved[NUM_CONTENT:].max() > 3 * moved[:NUM_CONTENT].mean()


def test_the_statistics_are_of_real_pictures(judge):
    real = load_statistics()
    assert real.mean.shape == (DIMENSION,)
    assert real.cov.shape == (DIMENSION, DIMENSION)
    assert real.count > 10_000
    np.linalg.cholesky(real.cov)
    assert frechet_distance(real.mean, real.cov, real.mean, real.cov) < 1e-9
    # Noise is no real picture.
    noise = judge.features(some_pictures(DIMENSION + 1))
    far = frechet_distance(real.mean, real.cov, noise.mean(axis=0), np.cov(noise.T))
    assert far > 20


@pytest.mark.parametrize(
    "name",
    ["config.json", "weights.safetensors", "tokenizer/vocab.json", "tokenizer/merges.txt"],
)
def test_a_missing_file_is_named(copied, name):
    (copied / name).unlink()
    with pytest.raises(ConfigError, match=f"lacks .*{name}"):
        load_judge(copied)


def test_missing_statistics_are_named(copied):
    (copied / "statistics.safetensors").unlink()
    load_judge(copied)
    with pytest.raises(ConfigError, match=r"lacks .*statistics\.safetensors"):
        load_statistics(copied)


def test_cut_files_are_one_error(copied):
    for name, load in (
        ("weights.safetensors", load_judge),
        ("statistics.safetensors", load_statistics),
    ):
        content = (copied / name).read_bytes()
        (copied / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(ConfigError, match="cannot be"):
            load(copied)


def test_weights_of_another_net_are_one_error(copied):
    weights = load_file(copied / "weights.safetensors")
    del weights["picture_projection.weight"]
    save_file(weights, copied / "weights.safetensors")
    with pytest.raises(ConfigError, match="Missing key"):
        load_judge(copied)


@pytest.mark.parametrize(
    "content", ["no json", "[]", "{}", '{"version": 99, "num_tokens": 5}', '{"version": 1}']
)
def test_a_wrong_config_is_one_error(copied, content):
    (copied / "config.json").write_text(content)
    with pytest.raises(ConfigError, match=r"config\.json"):
        load_judge(copied)
