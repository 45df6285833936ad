"""Read the configs of a pixel-space folder: a UNet2DModel, its scheduler, its classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diffusers import UNet2DModel

from pairgen.config import integer
from pairgen.errors import ConfigError, TeacherLoadError
from pairgen.labels import ClassLabels
from pairgen.sampling.parameterization import Prediction, Schedule
from pairgen.teachers._pretrained.files import Snapshot, find_snapshot
from pairgen.teachers._pretrained.folders.configs import read_index, read_network, refuse
from pairgen.teachers._pretrained.folders.fit import size_of
from pairgen.teachers._pretrained.folders.tensors import check_tensors
from pairgen.teachers._pretrained.folders.weights import weights_identity
from pairgen.teachers._pretrained.options import PixelUnetOptions
from pairgen.teachers._pretrained.schedule import read_schedule
from pairgen.teachers.base import Description
from pairgen.wording import counted

PIPELINES = ("DDPMPipeline", "DDIMPipeline")
CLASSES = {"unet": ("UNet2DModel",), "scheduler": ()}
CONFIG_FILES = (
    "model_index.json",
    "unet/config.json",
    "scheduler/scheduler_config.json",
    # Early repositories hold the network and its scheduler next to the index.
    "config.json",
    "scheduler_config.json",
)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The content of a folder's configs.

    Attributes:
        snapshot: The snapshot with the files.
        unet: Folder of the UNet inside the snapshot with a slash, or empty for the snapshot itself.
        scheduler: Folder of the scheduler, likewise.
        prediction: The quantity that the UNet predicts.
        schedule: alpha and sigma over time.
        image_shape: Shape [C, H, W] of an image, C = 1 or 3.
        labels: The classes; None for an unconditional UNet.
        null_label: The class that means no class; None if there is none.
    """

    snapshot: Snapshot
    unet: str
    scheduler: str
    prediction: Prediction
    schedule: Schedule
    image_shape: tuple[int, int, int]
    labels: ClassLabels | None
    null_label: int | None

    @property
    def weights(self) -> str:
        """The stem of the UNet's weights, for `fetch_weights`."""
        return f"{self.unet}diffusion_pytorch_model"

    def describe(self, variant: str) -> Description:
        """Describe the model for a plan; for a local folder, the weights are hashed."""
        names = (f"{self.unet}config.json", f"{self.scheduler}scheduler_config.json")
        configs = [self.snapshot.folder / name for name in names]
        check_tensors(self.snapshot, self.weights, variant, UNet2DModel)
        identity: dict[str, Any] = {
            "prediction": self.prediction,
            "num_train_steps": self.schedule.num_train_steps,
            "conditioning": "class labels" if self.labels else "none, prompts are ignored",
            **weights_identity(self.snapshot, [self.weights], variant, configs, whole=True),
        }
        if self.null_label is not None:
            identity["null_label"] = self.null_label
        return Description(
            identity=identity,
            location=self.snapshot.location,
            schedule=self.schedule,
            latent_shape=self.image_shape,
            embedding_shapes={},
            labels=self.labels,
            guidable=self.null_label is not None,
        )


def read_layout(location: str, options: PixelUnetOptions) -> Layout:
    """Read the configs of a folder or hub id.

    Args:
        location: Folder in diffusers layout, or hub id.
        options: The teacher's options; without labels, those of `id2label` in `model_index.json`
            apply.

    Raises:
        TeacherLoadError: The model cannot be found, or is not a supported pixel-space model.
        ConfigError: The labels do not fit the model, or a revision is given for a local folder.
    """
    snapshot = find_snapshot(location, options.revision, CONFIG_FILES)
    index = read_index(snapshot, CLASSES)
    if index.get("_class_name") not in PIPELINES:
        raise TeacherLoadError(
            f"{location} is a {index.get('_class_name')}; the teacher pixel_unet runs "
            f"{' and '.join(PIPELINES)}."
        )
    unet_folder, scheduler_folder = (
        f"{part}/" if (snapshot.folder / part).is_dir() else "" for part in ("unet", "scheduler")
    )
    unet_config = f"{unet_folder}config.json"
    unet = read_network(snapshot, unet_config, UNet2DModel)
    schedule, prediction = read_schedule(snapshot, f"{scheduler_folder}scheduler_config.json")
    num_classes = _num_classes(location, unet)
    null_label = _check_null_label(location, num_classes, options.null_label)
    return Layout(
        snapshot=snapshot,
        unet=unet_folder,
        scheduler=scheduler_folder,
        prediction=prediction,
        schedule=schedule,
        image_shape=_image_shape(location, unet_config, unet),
        labels=_read_labels(location, num_classes, index, options.labels, null_label),
        null_label=null_label,
    )


def _image_shape(location: str, config: str, unet: Mapping[str, Any]) -> tuple[int, int, int]:
    channels = unet["in_channels"]
    if channels not in (1, 3):
        refuse(location, config, "in_channels", channels, "1 or 3, for a pixel-space teacher")
    if unet["out_channels"] != channels:
        raise TeacherLoadError(
            f"{location} is not supported: its UNet has {channels} input and "
            f"{unet['out_channels']} output channels, so it also predicts a variance."
        )
    return channels, *size_of(location, config, unet)


def _num_classes(location: str, unet: Mapping[str, Any]) -> int | None:
    """Return the number of classes of the UNet; None for an unconditional UNet."""
    if unet.get("class_embed_type") is not None:
        raise TeacherLoadError(
            f"{location} is not supported: its UNet embeds classes as {unet['class_embed_type']!r} "
            "instead of with an embedding table."
        )
    return unet.get("num_class_embeds")


def _check_null_label(location: str, num_classes: int | None, null_label: Any) -> int | None:
    if null_label is None:
        return None
    if num_classes is None:
        raise ConfigError(f"null_label is given, but the UNet of {location} has no classes.")
    return integer("null_label", null_label, 0, num_classes - 1)


def _read_labels(
    location: str,
    num_classes: int | None,
    index: Mapping[str, Any],
    labels: Sequence[str],
    null_label: int | None,
) -> ClassLabels | None:
    if num_classes is None:
        if labels:
            raise ConfigError(f"labels are given, but the UNet of {location} has no classes.")
        return None
    names = list(labels) or _names_of_index(location, index)
    # The null label needs no name if it is the last class.
    allowed = {0, num_classes, num_classes - (null_label == num_classes - 1)}
    if len(names) not in allowed:
        raise ConfigError(
            f"labels must name the {num_classes} classes of {location} (the null_label may be left "
            f"out if it is the last), got {counted(len(names), 'name')}."
        )
    return ClassLabels(num_classes=num_classes, names=tuple(names))


def _names_of_index(location: str, index: Mapping[str, Any]) -> list[str]:
    """Return the names in `id2label`, where class-conditional diffusers pipelines store them.

    Its keys are numbers as text, `{"0": "airplane"}`.
    """
    table = index.get("id2label")
    if not isinstance(table, dict):
        return []
    numbers = [str(number) for number in range(len(table))]
    if set(table) != set(numbers) or not all(isinstance(name, str) for name in table.values()):
        raise TeacherLoadError(
            f"{location}: id2label in model_index.json does not map 0, 1, 2 ... to names."
        )
    return [table[number] for number in numbers]
