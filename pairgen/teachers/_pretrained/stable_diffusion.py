"""Read the configs of a Stable Diffusion folder, and load its tokenizers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from pairgen.errors import TeacherLoadError
from pairgen.sampling.parameterization import Prediction, Schedule
from pairgen.teachers._pretrained.files import Snapshot, find_snapshot, read_json
from pairgen.teachers._pretrained.folders.configs import (
    read_index,
    read_network,
    read_text_encoder,
    refuse,
)
from pairgen.teachers._pretrained.folders.fit import (
    UNET,
    VAE,
    Parts,
    check_fit,
    size_of,
    text_config,
)
from pairgen.teachers._pretrained.folders.tensors import check_tensors, network_on_meta
from pairgen.teachers._pretrained.folders.weights import has_weights, weights_identity
from pairgen.teachers._pretrained.quiet import quiet
from pairgen.teachers._pretrained.schedule import SCHEDULER_CONFIG, read_schedule
from pairgen.teachers.base import Description

# Maps the pipeline class to the suffixes of its text encoders' folders.
TEXT_ENCODERS = {"StableDiffusionPipeline": ("",), "StableDiffusionXLPipeline": ("", "_2")}
# Only the second encoder of SDXL has a projection: its output is the pooled embedding.
TEXT_CLASSES = {"": CLIPTextModel, "_2": CLIPTextModelWithProjection}
# The classes of the parts that are used, as `model_index.json` names them.
CLASSES = {
    "unet": ("UNet2DConditionModel",),
    "vae": ("AutoencoderKL",),
    "scheduler": (),
    "text_encoder": ("CLIPTextModel",),
    "text_encoder_2": ("CLIPTextModelWithProjection",),
    "tokenizer": ("CLIPTokenizer", "CLIPTokenizerFast"),
    "tokenizer_2": ("CLIPTokenizer", "CLIPTokenizerFast"),
}
CONFIG_FILES = (
    "model_index.json",
    SCHEDULER_CONFIG,
    "tokenizer*/*.json",
    "tokenizer*/*.txt",
    "text_encoder*/config.json",
    "unet/config.json",
    "vae/config.json",
)
UNET_WEIGHTS = "unet/diffusion_pytorch_model"
VAE_WEIGHTS = "vae/diffusion_pytorch_model"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The content of a folder's configs.

    Attributes:
        snapshot: The snapshot with the files.
        pipeline: Class name of the diffusers pipeline.
        prediction: The quantity that the UNet predicts.
        schedule: alpha and sigma over time.
        latent_shape: Shape [C, H, W] of a latent.
        size_px: Height and width in pixels, an input of SDXL.
        guidance_dim: Width of the UNet's guidance embedding; 0 if guidance takes two evaluations.
        zero_negative: Whether an empty negative prompt means zeros instead of an encoded "".
        image_channels: Channels of the image latent in the UNet's input; 0 for none.
        embedding_shapes: Shapes of one prompt's conditioning: `txt_emb` [L, D], `pooled_emb` [P].
    """

    snapshot: Snapshot
    pipeline: str
    prediction: Prediction
    schedule: Schedule
    latent_shape: tuple[int, int, int]
    size_px: tuple[int, int]
    guidance_dim: int
    zero_negative: bool
    image_channels: int
    embedding_shapes: Mapping[str, tuple[int, ...]]

    @property
    def factor(self) -> int:
        """Pixels a latent, along each axis."""
        return self.size_px[0] // self.latent_shape[1]

    @property
    def text_encoders(self) -> tuple[str, ...]:
        """Suffixes of the folders of tokenizers and text encoders."""
        return TEXT_ENCODERS[self.pipeline]

    @property
    def max_prompt_tokens(self) -> int:
        """Length at which prompts are truncated, including special tokens."""
        return self.embedding_shapes["txt_emb"][0]

    @property
    def weight_stems(self) -> list[str]:
        """The stems of the weights that a latent depends on, for `fetch_weights`."""
        return [UNET_WEIGHTS, *self._text_stems]

    @property
    def _text_stems(self) -> list[str]:
        return [f"text_encoder{ending}/model" for ending in self.text_encoders]

    def describe(self, variant: str) -> Description:
        """Describe the model for a plan; for a local folder, the weights are checked and hashed."""
        identity: dict[str, Any] = {
            "pipeline": self.pipeline,
            "prediction": self.prediction,
            "num_train_steps": self.schedule.num_train_steps,
        }
        if len(self.text_encoders) == 2:
            # Neither is in a hashed file.
            identity["size_px"] = list(self.size_px)
            identity["force_zeros_for_empty_prompt"] = self.zero_negative
        identity |= weights_identity(
            self.snapshot, self.weight_stems, variant, self._config_files(), whole=True
        )
        self._check(variant)
        return Description(
            identity=identity,
            location=self.snapshot.location,
            schedule=self.schedule,
            latent_shape=self.latent_shape,
            embedding_shapes=self.embedding_shapes,
            image_channels=self.image_channels,
        )

    def _check(self, variant: str) -> None:
        """Check that weights and tokenizers fit the configs."""
        check_tensors(self.snapshot, UNET_WEIGHTS, variant, UNet2DConditionModel)
        # Latents need no VAE, but its config says how large their images are.
        if has_weights(self.snapshot, VAE_WEIGHTS):
            check_tensors(self.snapshot, VAE_WEIGHTS, variant, AutoencoderKL)
        for ending in self.text_encoders:
            stem = f"text_encoder{ending}/model"
            check_tensors(self.snapshot, stem, variant, TEXT_CLASSES[ending])
            _check_tokenizer(self, ending)

    def networks_on_meta(self) -> dict[str, Any]:
        """Return UNet and text encoders without their weights, by the names of their folders."""
        classes = {f"text_encoder{ending}": TEXT_CLASSES[ending] for ending in self.text_encoders}
        folder = self.snapshot.folder
        with quiet(), torch.device("meta"):
            return {
                part: network_on_meta(cls, folder / part)
                for part, cls in {"unet": UNet2DConditionModel, **classes}.items()
            }

    def _config_files(self) -> list[Path]:
        """Return the config files that a latent depends on, which exclude `model_index.json`."""
        folder = self.snapshot.folder
        return [folder / SCHEDULER_CONFIG, folder / "unet/config.json", *self._text_files()]

    def text_identity(self, variant: str) -> dict[str, str]:
        """Return what distinguishes the text encoders alone, see `weights_identity`."""
        return weights_identity(self.snapshot, self._text_stems, variant, self._text_files())

    def _text_files(self) -> list[Path]:
        """Return the config files that an embedding depends on."""
        folder, files = self.snapshot.folder, []
        for ending in self.text_encoders:
            files.append(folder / f"text_encoder{ending}/config.json")
            files += (folder / f"tokenizer{ending}").glob("*.json")
            files += (folder / f"tokenizer{ending}").glob("*.txt")
        return files


def read_layout(location: str, revision: str) -> Layout:
    """Read the configs of a folder or hub id.

    Raises:
        TeacherLoadError: The model cannot be found, or is not a text-to-image Stable Diffusion.
        ConfigError: A revision is given for a local folder.
    """
    snapshot = find_snapshot(location, revision, CONFIG_FILES)
    index = read_index(snapshot, CLASSES)
    pipeline = index.get("_class_name")
    if pipeline not in TEXT_ENCODERS:
        raise TeacherLoadError(
            f"{location} is a {pipeline}; the teacher latent_diffusion runs "
            f"{' and '.join(TEXT_ENCODERS)}; for another teacher, give a config: --model NAME.yaml."
        )
    unet = read_network(snapshot, UNET, UNet2DConditionModel)
    latent_channels = unet["out_channels"]
    if unet["in_channels"] < latent_channels:
        raise TeacherLoadError(
            f"{location} is not a denoiser: its UNet has {unet['in_channels']} input and "
            f"{latent_channels} output channels, by in_channels and out_channels in {UNET}."
        )
    # diffusers' StableDiffusionPipeline sets it so, whatever the config says.
    fixed_offset = 1 if pipeline == "StableDiffusionPipeline" else None
    schedule, prediction = read_schedule(snapshot, fixed_offset=fixed_offset)
    vae = read_network(snapshot, VAE, AutoencoderKL)
    endings = TEXT_ENCODERS[pipeline]
    texts = {ending: read_text_encoder(snapshot, text_config(ending)) for ending in endings}
    parts = Parts(snapshot, unet, vae, texts)
    check_fit(parts)
    height, width = size_of(location, UNET, unet)
    scale = 2 ** (len(vae["block_out_channels"]) - 1)
    return Layout(
        snapshot=snapshot,
        pipeline=pipeline,
        prediction=prediction,
        schedule=schedule,
        latent_shape=(latent_channels, height, width),
        size_px=(height * scale, width * scale),
        guidance_dim=unet["time_cond_proj_dim"] or 0,
        zero_negative=bool(index.get("force_zeros_for_empty_prompt", False)),
        image_channels=unet["in_channels"] - latent_channels,
        embedding_shapes=_embedding_shapes(parts),
    )


def _embedding_shapes(parts: Parts) -> dict[str, tuple[int, ...]]:
    lengths, shapes = [], {}
    for ending, text in parts.texts.items():
        lengths.append(text["max_position_embeddings"])
        lengths.append(_max_length(parts.snapshot, ending, text["max_position_embeddings"]))
        if ending:
            shapes["pooled_emb"] = (text["projection_dim"],)
    return {"txt_emb": (min(lengths), parts.text_width), **shapes}


def _max_length(snapshot: Snapshot, ending: str, usual: int) -> int:
    """Return the length at which a tokenizer truncates; that of its encoder if it names none."""
    name = f"tokenizer{ending}/tokenizer_config.json"
    length = read_json(snapshot, name).get("model_max_length", usual)
    # Begin and end are two tokens. Configs without a limit hold 10^30.
    if isinstance(length, bool) or not isinstance(length, int | float) or not length >= 2:
        refuse(snapshot.location, name, "model_max_length", length, "a whole number from 2")
    return int(min(length, usual))


def _check_tokenizer(layout: Layout, ending: str) -> None:
    """Refuse a tokenizer with more tokens than its text encoder has embeddings."""
    name = text_config(ending)
    known = read_text_encoder(layout.snapshot, name)["vocab_size"]
    largest = max(load_tokenizer(layout, ending).get_vocab().values(), default=-1)
    if largest >= known:
        refuse(
            layout.snapshot.location,
            name,
            "vocab_size",
            known,
            f"above {largest}, the largest token in tokenizer{ending}/",
        )


def load_tokenizer(layout: Layout, ending: str) -> Any:
    """Load the tokenizer of one of `layout.text_encoders`.

    Raises:
        TeacherLoadError: Its vocabulary is missing or broken.
    """
    folder = layout.snapshot.folder / f"tokenizer{ending}"
    # Without these files, the library would create an empty vocabulary.
    if not any((folder / name).is_file() for name in ("vocab.json", "tokenizer.json")):
        raise TeacherLoadError(f"{layout.snapshot.location} lacks tokenizer{ending}/vocab.json.")
    try:
        with quiet():
            return CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
    # The tokenizers library raises plain Exception for a file that it cannot read.
    except Exception as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise TeacherLoadError(f"The tokenizer in {folder} cannot be loaded: {reason}.") from None
