"""The inputs of `pairgen degrade`: options, images, and the plan made from them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.execution.dataset import check_folder, check_same_plan, find_old_plan
from pairgen.execution.progress import Progress
from pairgen.execution.run import check_executor
from pairgen.execution.say import Say
from pairgen.kinds.degrade.crops import count_crops
from pairgen.kinds.degrade.decoded_samples import open_decoded_samples
from pairgen.kinds.degrade.options import INPUT_OPTIONS, DegradeConfig, check_batch_size
from pairgen.kinds.degrade.plan import image_source, make_degrade_plan
from pairgen.kinds.degrade.pyramid import Preset, check_preset, find_preset, make_preset
from pairgen.resolution import Resolved, sources_of
from pairgen.shards.format import layout
from pairgen.shards.format.plan_file import remembered_options
from pairgen.shards.format.store import Store, open_store
from pairgen.sources.captions import Captions
from pairgen.sources.image_files import ImageFile, find_images, without_repeats
from pairgen.sources.images import ImageSummary, collect_images, header_size
from pairgen.sources.photographs import ImageSize
from pairgen.types import Plan


@dataclass(frozen=True)
class DegradeRequest:
    """The request of a command, checked as far as possible without images.

    Attributes:
        resolved: The options, and where each one came from.
        preset: The degradation preset.
        store: The dataset folder.
        old: The plan in the folder; None if there is none, or if no sample was made from it.
    """

    resolved: Resolved[DegradeConfig]
    preset: Preset
    store: Store
    old: Plan | None

    @property
    def config(self) -> DegradeConfig:
        """The options."""
        return self.resolved.options

    @property
    def continues(self) -> bool:
        """Whether the run continues with the images of its folder."""
        return self.old is not None and not self.config.has_inputs


@dataclass(frozen=True)
class ImageSource:
    """Images that are about to be read.

    Attributes:
        name: Name of the source, for the plan.
        files: The images.
        size_of: Returns the size of an image.
        teacher: The plan's `teacher`: the decoder if the images are latents, else empty.
    """

    name: str
    files: Iterator[ImageFile]
    size_of: Callable[[ImageFile], ImageSize] = header_size
    teacher: Mapping[str, Any] = field(default_factory=dict)


def resolve_degrade(given: Mapping[str, Any]) -> DegradeRequest:
    """Resolve the options; check the folder and the executor.

    Raises:
        ConfigError: An option is invalid, or the folder holds a dataset of another kind.
    """
    sources = sources_of(DegradeConfig, given)
    store = open_store(sources["out"] or f"data/degrade-{Path(sources['degradation']).stem}")
    old = find_old_plan(store, "degrade", any(sources[name] for name in INPUT_OPTIONS))
    if old is not None:
        remembered = dict(remembered_options(old, store))
        if sources["crops"] == "tiled":
            # Tiles have no such number: the folder holds random crops, which is refused below.
            remembered.pop("samples_per_image", None)
        sources = sources.below(f"plan of {store.url}", remembered)
    resolved = sources.resolved()
    options = resolved.options
    if old is not None and "degradation" not in given:
        # The folder's own operations, even if the preset's file has changed since.
        preset = make_preset(old.recipe["degradation"], old.recipe["operations"])
    else:
        preset = find_preset(options.degradation)
    if old is None:
        check_preset(preset, options.crop, options.stored_levels)
    check_batch_size(given, options)
    check_folder(store)
    check_executor(options)
    return DegradeRequest(resolved, preset, store, old)


def continued_plan(request: DegradeRequest, say: Say) -> Plan:
    """Return the plan of a folder that continues with its own images.

    Raises:
        PlanMismatchError: The options are those of another dataset.
        ConfigError: The folder's list of images is missing.
    """
    store, old = request.store, request.old
    assert old is not None
    plan = make_degrade_plan(
        request.config, request.preset, dict(old.source), old.num_samples, old.teacher
    )
    check_same_plan(store, old, plan, say)
    if not store.exists(layout.IMAGES):
        raise ConfigError(
            f"{layout.IMAGES} of {store.url} is missing: give the original --images again."
        )
    say(f"Continuing {store.url} with its {old.source['num_inputs']:,} images.")
    return plan


def read_images(request: DegradeRequest, target: Path, say: Say) -> tuple[Plan, ImageSummary]:
    """Read the image headers, write the accepted images to `target`, and make the plan.

    Raises:
        PlanMismatchError: The folder holds another dataset.
        ConfigError: A source is empty or cannot be read, or no image can be used.
    """
    config = request.config
    source = _open_source(config, say)
    captions = Captions(Path(config.captions), config.column) if config.captions else None
    files = captions.apply(source.files) if captions else source.files
    num_read = 0
    progress = Progress(0, 0, unit="images scanned")

    def on_image() -> None:
        nonlocal num_read
        num_read += 1
        progress.reached(num_read)

    def count_slots(size: ImageSize) -> int:
        tiled = config.crops == "tiled"
        return count_crops(size, config.crop, config.samples_per_image, tiled, config.max_aspect)

    try:
        summary = collect_images(files, target, count_slots, on_image, source.size_of)
    finally:
        progress.close()
    if captions and not summary.num_captions:
        raise ConfigError(f"The captions {config.captions} match none of the images.")
    if config.column and not captions and not summary.num_captions:
        raise ConfigError(f"The column {config.column!r} has no caption for any image.")
    described = image_source(source.name, summary)
    plan = make_degrade_plan(config, request.preset, described, summary.num_slots, source.teacher)
    if request.old is not None:
        check_same_plan(request.store, request.old, plan, say)
    skipped = f", {summary.num_skipped:,} skipped by --max-aspect" if summary.num_skipped else ""
    say(
        f"{summary.num_accepted:,} images, {summary.num_slots:,} crops of {config.crop} px; "
        f"levels {', '.join(f'1/{level}' for level in config.stored_levels)}; "
        f"{described['num_rejected']:,} images rejected{skipped}."
    )
    if captions:
        say(
            f"{summary.num_captions:,} images have a caption from {config.captions}; "
            f"names without an image: {captions.num_unmatched:,}; "
            f"repeated names: {captions.num_repeated:,}."
        )
    return plan, summary


def _open_source(config: DegradeConfig, say: Say) -> ImageSource:
    """Open the images that the options name, and report them."""
    if config.from_ode:
        return _open_ode_set(config, say)
    values = config.images
    if values:
        say(f"Images: {', '.join(values)}")
    else:
        values = (str(packaged_assets() / "photographs"),)
        say(f"No images given: using the packaged images {values[0]}")
    name = Path(values[0]).name if len(values) == 1 else f"{len(values)} sources"
    # With a table of captions, the column belongs to that table.
    files = find_images(values, "" if config.captions else config.column)
    return ImageSource(name, without_repeats(files) if len(values) > 1 else files)


def _open_ode_set(config: DegradeConfig, say: Say) -> ImageSource:
    samples = open_decoded_samples(config.from_ode)
    side = min(samples.size.width, samples.size.height)
    if config.crop > side:
        raise ConfigError(
            f"crop must be at most {side}, the side of the images that "
            f"{samples.teacher['name']} decodes to, got {config.crop}."
        )
    say(
        f"Images: {samples.manifest.num_samples:,} samples of {samples.store.url}, decoded by "
        f"{samples.teacher['name']}"
    )
    return ImageSource(samples.name, samples.files(), lambda _: samples.size, samples.teacher)
