"""Read the configs of a Stable Diffusion folder, and load its tokenizers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import CLIPTextConfig, CLIPTokenizer

from pairgen.errors import TeacherLoadError
from pairgen.sampling.parameterization import Prediction, Schedule
from pairgen.teachers._pretrained.files import (
    Snapshot,
    find_snapshot,
    read_json,
    weights_identity,
)
from pairgen.teachers._pretrained.quiet import quiet
from pairgen.teachers._pretrained.schedule import SCHEDULER_CONFIG, read_schedule
from pairgen.teachers.base import Description

# Maps the pipeline class to the suffixes of its text encoders' folders.
TEXT_ENCODERS = {"StableDiffusionPipeline": ("",), "StableDiffusionXLPipeline": ("", "_2")}
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
        """Describe the model for a plan; for a local folder, the weights are hashed."""
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
            self.snapshot, self.weight_stems, variant, self._config_files()
        )
        return Description(
            identity=identity,
            location=self.snapshot.location,
            schedule=self.schedule,
            latent_shape=self.latent_shape,
            embedding_shapes=self.embedding_shapes,
            image_channels=self.image_channels,
        )

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
    index = read_json(snapshot, "model_index.json")
    pipeline = index.get("_class_name")
    if pipeline not in TEXT_ENCODERS:
        raise TeacherLoadError(
            f"{location} is a {pipeline}; the teacher latent_diffusion runs "
            f"{' and '.join(TEXT_ENCODERS)}; for another teacher, give a config: --model NAME.yaml."
        )
    unet = read_json(snapshot, "unet/config.json")
    latent_channels = unet["out_channels"]
    if unet["in_channels"] < latent_channels:
        raise TeacherLoadError(
            f"{location} is not a denoiser: its UNet has {unet['in_channels']} input and "
            f"{latent_channels} output channels."
        )
    # diffusers' StableDiffusionPipeline sets it so, whatever the config says.
    fixed_offset = 1 if pipeline == "StableDiffusionPipeline" else None
    schedule, prediction = read_schedule(snapshot, fixed_offset=fixed_offset)
    size = unet["sample_size"]
    height, width = (size, size) if isinstance(size, int) else size
    vae = read_json(snapshot, "vae/config.json")
    scale = 2 ** (len(vae["block_out_channels"]) - 1)
    return Layout(
        snapshot=snapshot,
        pipeline=pipeline,
        prediction=prediction,
        schedule=schedule,
        latent_shape=(latent_channels, height, width),
        size_px=(height * scale, width * scale),
        guidance_dim=unet.get("time_cond_proj_dim") or 0,
        zero_negative=bool(index.get("force_zeros_for_empty_prompt", False)),
        image_channels=unet["in_channels"] - latent_channels,
        embedding_shapes=_embedding_shapes(snapshot, TEXT_ENCODERS[pipeline]),
    )


def _embedding_shapes(snapshot: Snapshot, endings: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    lengths, widths, shapes = [], [], {}
    for ending in endings:
        encoder = CLIPTextConfig(**read_json(snapshot, f"text_encoder{ending}/config.json"))
        tokenizer = read_json(snapshot, f"tokenizer{ending}/tokenizer_config.json")
        lengths.append(encoder.max_position_embeddings)
        lengths.append(tokenizer.get("model_max_length", encoder.max_position_embeddings))
        widths.append(encoder.hidden_size)
        if ending:
            shapes["pooled_emb"] = (encoder.projection_dim,)
    return {"txt_emb": (min(lengths), sum(widths)), **shapes}


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
