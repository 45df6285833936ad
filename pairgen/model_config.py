"""Resolve `--model`: a name under `configs/models/`, a YAML file, a folder, or a hub id."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pairgen import plugins
from pairgen.config import (
    boolean,
    check_keys,
    choice,
    did_you_mean,
    field_names,
    integer,
    numbers,
    packaged_configs,
    quoted,
    read_yaml,
)
from pairgen.errors import ConfigError
from pairgen.image_recipe import ImageRecipe, read_image_recipe
from pairgen.model_files import check_hashes
from pairgen.option_names import option_text

# The file that makes a folder a model.
MODEL_FILE = "model.yaml"
# In a folder without the file above, marks a training that has not exported its student yet.
RUN_FILE = "config.yaml"
# Marks a folder of runs that were trained one after the other.
CHAIN_FILE = "chain.json"
# Same format as `cfg` of `pairgen ode`.
GUIDANCE_SCALES = (0.0, 100.0)
DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True, kw_only=True)
class RunDefaults:
    """A model's default run settings; never guessed from the machine.

    Attributes:
        dtype: Dtype of the network: float32, float16 or bfloat16.
        batch_size: Number of samples in a batch.
        samples_per_shard: Number of samples in a shard, about ten GPU-minutes of work.
    """

    dtype: str
    batch_size: int
    samples_per_shard: int


@dataclass(frozen=True, kw_only=True)
class Learned:
    """The guidance that a student has learned.

    Attributes:
        guidance_scales: Scales of its training samples, ascending, at least one.
        told: Whether it takes the scale as an input; else the only scale is in its weights.
    """

    guidance_scales: tuple[float, ...]
    told: bool

    @property
    def scales_told(self) -> str:
        """The scales as text."""
        return ", ".join(f"{scale:g}" for scale in self.guidance_scales)

    def covers(self, scale: float) -> bool:
        """Whether a scale is in the range that the student was trained on."""
        return self.guidance_scales[0] <= scale <= self.guidance_scales[-1]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One teacher, ready to be described or built.

    Attributes:
        name: Short name; the default output folder is `data/ode-{name}`.
        teacher: Module in `pairgen/teachers/`, or the name of a user's own module.
        location: Folder, hub id, or empty for a teacher without weights.
        options: Options for the teacher's `describe` and `build`.
        defaults: Default run settings; None for a bare folder or hub id, see `defaults_of`.
        prompts: Name of the matching packaged prompt set, without `.txt`.
        sampling: Run options that differ from the usual defaults, such as a student's one step.
        student: The guidance it has learned; None for a teacher, or a student of unguided data.
        image: How it makes images from images; None for a model that makes them from text.
        license: Name of the license of its weights; empty if it is not known.

    A key `branch` in its file is the option of that name: a folder, beside the file or not, or a
    hub id.
    """

    name: str
    teacher: str
    location: str
    options: Mapping[str, Any]
    defaults: RunDefaults | None
    prompts: str = "everyday"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    student: Learned | None = None
    image: ImageRecipe | None = None
    license: str = ""


def model_names() -> list[str]:
    """Return the packaged model names."""
    return sorted(path.stem for path in (packaged_configs() / "models").glob("*.yaml"))


def find_model(model: str) -> ModelConfig:
    """Resolve `--model`.

    In this order: a YAML file; a name under `./configs/models/` or among the packaged ones; a
    local folder in diffusers layout; a hub id `owner/name`.

    Raises:
        ConfigError: It is none of these, or its config has a wrong key.
    """
    if not model:
        raise ConfigError(
            f"{option_text('model')} must not be empty: give one of {', '.join(model_names())}."
        )
    if (file := _config_file(model)) is not None:
        return _read_model(file)
    path = Path(model).expanduser()
    if (path / MODEL_FILE).is_file():
        # A run of `pairgen train`: its student, and how to sample from it.
        check_hashes(path)
        return replace(_read_model(path / MODEL_FILE), name=path.resolve().name.lower())
    if (path / RUN_FILE).is_file() and not (path / "model_index.json").is_file():
        raise ConfigError(
            f"{model} is a training run without a student yet: finish it with --resume."
        )
    if (path / CHAIN_FILE).is_file():
        raise ConfigError(_of_chain(model, path))
    if path.exists():
        return _bare_model(path.resolve().name, str(path.resolve()))
    if model.count("/") == 1 and not model.startswith((".", "/", "~")):
        return _bare_model(model.split("/")[1], model)
    known = ", ".join(model_names())
    raise ConfigError(
        f"There is no model {model!r}{did_you_mean(model, model_names())}: give one of {known}, a "
        "folder in diffusers layout, or a hub id owner/name."
    )


def with_lora(model: ModelConfig, lora: str) -> ModelConfig:
    """Return a model with a LoRA merged into it.

    Args:
        model: The model.
        lora: A file or folder here, and perhaps `:scale`; empty for none.
    """
    # Workers may run in another folder.
    here = str(Path(lora).expanduser().absolute()) if lora else ""
    return replace(model, options={**model.options, "lora": here}) if lora else model


def module_of_model(model: str) -> list[str]:
    """Return the module that a user's own config names as the teacher; none if it names none.

    A file in the folder of a dataset, run or student is not the user's own, even if it is given by
    name; nor is one that a bare name finds in the working directory.
    """
    if not model.endswith((".yaml", ".yml")) or lies_in_data(Path(model)):
        return []
    try:
        return [str(read_yaml(Path(model)).get("teacher", ""))]
    except ConfigError:
        # `find_model` reports what is wrong with it.
        return []


def lies_in_data(file: Path) -> bool:
    """Whether a file belongs to a dataset, a run or a student, even through a symbolic link."""
    file = file.expanduser().resolve()
    beside = (file.parent / MODEL_FILE, file.parent / "__meta__")
    return file.name == MODEL_FILE or any(each.exists() for each in beside)


def license_of(location: str) -> str:
    """Return the license of the weights at a location, by the packaged models; empty if unknown."""
    folder = packaged_configs() / "models"
    models = (_read_model(folder / f"{name}.yaml") for name in model_names())
    return next((each.license for each in models if each.location == location), "")


def _of_chain(model: str, folder: Path) -> str:
    """Return why the folder of a chain is no model, and which stages of it are."""
    finished = sorted(folder.glob(f"*/{MODEL_FILE}"), key=lambda path: path.stat().st_mtime)
    if not finished:
        return f"{model} is a chain of trainings without a student yet: finish it with --resume."
    stages = " or ".join(str(path.parent) for path in finished)
    return f"{model} is a chain of trainings, not one model: give one of its stages, {stages}."


def _config_file(model: str) -> Path | None:
    """Return the config file for `--model`; None for a folder or a hub id."""
    if model.endswith((".yaml", ".yml")):
        return Path(model)
    folders = (Path("configs/models"), packaged_configs() / "models")
    files = (folder / f"{model}.yaml" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def prompt_set_names() -> tuple[str, ...]:
    """Return the names of the packaged prompt sets."""
    return tuple(sorted(path.stem for path in (packaged_configs() / "prompts").glob("*.txt")))


def packaged_prompts(model: ModelConfig) -> Path:
    """Return the small prompt set that suits a model, used if none is given."""
    return packaged_configs() / "prompts" / f"{model.prompts}.txt"


def defaults_of(model: ModelConfig, pipeline: str = "") -> RunDefaults:
    """Return the default run settings of a model.

    Args:
        model: The model.
        pipeline: Its pipeline class, by which those of a bare folder or hub id are chosen.
    """
    if model.defaults is not None:
        return model.defaults
    name = "sdxl" if "XL" in pipeline else "sd15"
    defaults = _read_model(packaged_configs() / "models" / f"{name}.yaml").defaults
    assert defaults is not None
    return defaults


def _bare_model(name: str, location: str) -> ModelConfig:
    return ModelConfig(
        name=name.lower(), teacher="latent_diffusion", location=location, options={}, defaults=None
    )


def _read_model(path: Path) -> ModelConfig:
    data = read_yaml(path)
    run_numbers = field_names(RunDefaults)
    sections = ("options", "sampling", "student", "image")
    known = ["teacher", "location", "branch", "prompts", "license", *sections, *run_numbers]
    check_keys(data, known, str(path))
    missing = [key for key in ("teacher", *run_numbers) if key not in data]
    if missing:
        raise ConfigError(f"The model config {path} lacks {', '.join(missing)}.")
    for section in sections:
        if not isinstance(data.get(section) or {}, dict):
            raise ConfigError(
                f"{section} in {path} must hold `key: value` lines, got {quoted(data[section])}."
            )
    defaults = RunDefaults(
        dtype=choice(f"dtype in {path}", data["dtype"], DTYPES),
        batch_size=integer(f"batch_size in {path}", data["batch_size"], 1),
        samples_per_shard=integer(f"samples_per_shard in {path}", data["samples_per_shard"], 1),
    )
    location = _place(str(data.get("location") or ""), path)
    options = data.get("options") or {}
    if data.get("branch"):
        options = {**options, "branch": _place(str(data["branch"]), path)}
    return ModelConfig(
        name=path.stem,
        teacher=plugins.module_name("teachers", str(data["teacher"])),
        location=location,
        options=options,
        defaults=defaults,
        prompts=choice(f"prompts in {path}", data.get("prompts", "everyday"), prompt_set_names()),
        sampling=data.get("sampling") or {},
        student=_read_learned(data["student"], path) if data.get("student") else None,
        image=read_image_recipe(data["image"], str(path)) if data.get("image") else None,
        license=str(data.get("license") or ""),
    )


def _place(location: str, file: Path) -> str:
    """Return where a model file says that something lies: an absolute folder, or as it stands."""
    for folder in (file.parent / location, Path(location)):
        if location and folder.is_dir():
            return str(folder.resolve())
    return location


def _read_learned(section: Mapping[str, Any], path: Path) -> Learned:
    check_keys(section, field_names(Learned), f"the section student of {path}")
    name = f"student.guidance_scales in {path}"
    scales = numbers(name, section.get("guidance_scales", ()), *GUIDANCE_SCALES)
    told = boolean(f"student.told in {path}", section.get("told"))
    if not scales or (len(scales) > 1 and not told):
        raise ConfigError(f"{name} must be one scale, or several if the student takes it as input.")
    return Learned(guidance_scales=tuple(sorted(scales)), told=told)
