"""The judge: the one net that measures images, never used by a training loss.

`pipelines/tiny_teacher/train_judge.py` trained it from scratch on painted images and their
captions. Its numbers are comparable only with each other: it is not one of the usual perceptual
metrics. Its embeddings describe the content; its distances also see sharpness: config.json records
how far real images lie from the statistics, unchanged and blurred.

A judge's folder contains:

    config.json             num_tokens, version; how it was trained and how well it agrees
    weights.safetensors     float16; the net computes in float32
    statistics.safetensors  mean, cov, count of the features of real images
    tokenizer/              a CLIPTokenizer
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.torch import load_file as load_tensors
from torch import Tensor
from transformers import CLIPTokenizer

from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.evaluation.frechet import Statistics
from pairgen.evaluation.picture_text_net import DIMENSION, PictureTextNet

JUDGE_VERSION = 2
CONFIG, WEIGHTS, STATISTICS, TOKENIZER = (
    "config.json",
    "weights.safetensors",
    "statistics.safetensors",
    "tokenizer",
)
BATCH_SIZE = 256


class Judge:
    """Measures images and captions, on the CPU in float32, whatever device made them.

    Args:
        net: The net, in eval mode.
        tokenizer: Tokenizer of the captions.
    """

    def __init__(self, net: PictureTextNet, tokenizer: Any) -> None:
        self._net = net
        self._tokenizer = tokenizer

    def features(self, pictures: Tensor) -> NDArray[np.float32]:
        """Return the features used for distances, [N, 64].

        Args:
            pictures: Images, [N, 3, H, W], floating point in [-1, 1]; values outside are clipped,
                sizes other than 64 x 64 are resized by antialiased bilinear interpolation.

        Raises:
            ConfigError: `pictures` has another shape or type, or is not finite.
        """
        if not isinstance(pictures, Tensor):
            raise ConfigError(f"pictures must be a tensor, got {type(pictures).__name__}.")
        fits = pictures.ndim == 4 and pictures.shape[1] == 3 and 0 not in pictures.shape[2:]
        if not fits or not pictures.is_floating_point():
            raise ConfigError(
                "pictures must be floating point [N, 3, H, W] in [-1, 1], "
                f"got {pictures.dtype} {list(pictures.shape)}."
            )
        if not pictures.isfinite().all():
            raise ConfigError("pictures must be finite, got NaN or infinity.")
        return _in_batches(lambda batch: self._net.features(batch.float().cpu()), pictures)

    def embed_features(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the unit-length embeddings of images from their features, [N, 64]."""
        return _in_batches(self._net.embed_features, torch.from_numpy(features).float())

    def embed_pictures(self, pictures: Tensor) -> NDArray[np.float32]:
        """Return the unit-length embeddings of images, [N, 64]; input as for `features`."""
        return self.embed_features(self.features(pictures))

    def embed_captions(self, captions: Sequence[str]) -> NDArray[np.float32]:
        """Return the unit-length embeddings of captions, [N, 64].

        A caption with more tokens than the tokenizer's `model_max_length` is truncated.

        Raises:
            ConfigError: `captions` is one text instead of a list of texts.
        """
        if isinstance(captions, str):
            raise ConfigError(f"captions must be a list of texts, got the text {captions!r}.")
        if not captions:
            return np.empty((0, DIMENSION), np.float32)
        encoded = self._tokenizer(
            list(captions), padding=True, truncation=True, return_tensors="pt"
        )
        return _in_batches(self._net.embed_tokens, encoded["input_ids"], encoded["attention_mask"])

    def knows(self, captions: Sequence[str]) -> list[bool]:
        """Return whether each caption has only words that the net was trained on.

        Their order is not checked, so a caption may still describe something unknown to the net.
        """
        # No warning about long captions: only the tokens matter here.
        return [self._knows(self._tokenizer.tokenize(each, verbose=False)) for each in captions]

    def _knows(self, tokens: Sequence[str]) -> bool:
        # A word that is not in the training captions is split into pieces.
        whole = all(token.endswith("</w>") for token in tokens)
        return whole and 0 < len(tokens) <= self._tokenizer.model_max_length - 2


def judge_folder() -> Path:
    """Return the folder of the packaged judge."""
    return packaged_assets() / "judge"


def load_judge(folder: str | Path | None = None) -> Judge:
    """Load a judge; the packaged one if no folder is given.

    Raises:
        ConfigError: A file is missing, unreadable, or of another version.
    """
    folder = Path(folder or judge_folder())
    config = read_judge_config(folder)
    _need(folder / TOKENIZER / "vocab.json", folder / TOKENIZER / "merges.txt", folder / WEIGHTS)
    try:
        tokenizer = CLIPTokenizer.from_pretrained(str(folder / TOKENIZER), local_files_only=True)
        # Do not consume the caller's random numbers: the initial weights are discarded.
        with torch.random.fork_rng(devices=[]):
            net = PictureTextNet(config["num_tokens"])
        net.load_state_dict(load_tensors(folder / WEIGHTS))
    # The tokenizers library raises plain Exception for an unreadable file.
    except Exception as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise ConfigError(f"The judge in {folder} cannot be loaded: {reason}.") from None
    return Judge(net.eval(), tokenizer)


def load_statistics(folder: str | Path | None = None) -> Statistics:
    """Load the statistics of real images that come with a judge.

    The folder's config.json describes their source, under `statistics`.

    Raises:
        ConfigError: The file is missing or unreadable.
    """
    path = Path(folder or judge_folder()) / STATISTICS
    _need(path)
    try:
        arrays = load_file(path)
        return Statistics(mean=arrays["mean"], cov=arrays["cov"], count=int(arrays["count"]))
    except (SafetensorError, KeyError) as error:
        raise ConfigError(f"The judge's statistics in {path} cannot be read: {error}.") from None


def read_judge_config(folder: Path) -> dict[str, Any]:
    """Read a judge's config.json.

    Raises:
        ConfigError: The file is missing, is not JSON, or has another version.
    """
    path = folder / CONFIG
    _need(path)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        version, num_tokens = config["version"], config["num_tokens"]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is not the config of a judge: {error!r}.") from None
    if version != JUDGE_VERSION or not isinstance(num_tokens, int):
        raise ConfigError(
            f"{path} must have version {JUDGE_VERSION} and a whole number num_tokens, "
            f"got {version!r} and {num_tokens!r}."
        )
    return dict(config)


def _need(*paths: Path) -> None:
    for path in paths:
        if not path.is_file():
            raise ConfigError(
                f"The judge lacks {path}: make it with pipelines/tiny_teacher/train_judge.py."
            )


def _in_batches(function: Callable[..., Tensor], *inputs: Tensor) -> NDArray[np.float32]:
    """Return `function` of equally long inputs, computed in batches."""
    parts = zip(*(each.split(BATCH_SIZE) for each in inputs), strict=True)
    with torch.inference_mode():
        results: NDArray[np.float32] = torch.cat([function(*part) for part in parts]).numpy()
    return results
