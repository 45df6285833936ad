"""The images that a command is given: open them, read their headers, report their captions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pairgen.config import packaged_assets
from pairgen.errors import ConfigError
from pairgen.execution.progress import Progress
from pairgen.execution.say import Say
from pairgen.kinds.images.decoded_samples import open_decoded_samples
from pairgen.kinds.images.options import ImageOptions
from pairgen.option_names import option_text
from pairgen.redaction import listed_without_secrets
from pairgen.sources.image_file import ImageFile
from pairgen.sources.image_files import find_images, without_repeats
from pairgen.sources.image_list import ImageSummary, columns_for
from pairgen.sources.image_suffixes import is_image_member
from pairgen.sources.images import collect_images, header_size
from pairgen.sources.painted.names import PHOTOGRAPHS
from pairgen.sources.passed_over import PassedOver
from pairgen.sources.paths import AnyPath, local_file, name_of
from pairgen.sources.photographs import ImageSize
from pairgen.sources.texts.caption_choice import CAPTION_COLUMNS, REFUSE, TAKEN, entries_of
from pairgen.sources.texts.captions import Captions, with_captions_checked
from pairgen.sources.texts.metadata import FolderMetadata, MetadataFile
from pairgen.sources.texts.named import NamedTexts, first_names
from pairgen.wording import counted

# Number of names without an image that are told.
MAX_NAMES = 3


@dataclass(frozen=True)
class ImageSource:
    """Images that are about to be read.

    Attributes:
        name: Name of the source, for the plan.
        files: The images.
        size_of: Returns the size of an image.
        teacher: The plan's `teacher`: the decoder if the images are latents, else empty.
        further: Columns of the list of images that only some datasets have.
        passed_over: What the source holds and is not taken, once its files were read.
        metadata: The metadata files of folders, read with the images.
    """

    name: str
    files: Iterator[ImageFile]
    size_of: Callable[[ImageFile], ImageSize] = header_size
    teacher: Mapping[str, Any] = field(default_factory=dict)
    further: tuple[str, ...] = ()
    passed_over: PassedOver = field(default_factory=PassedOver)
    metadata: FolderMetadata | None = None


@dataclass(frozen=True)
class ScannedImages:
    """Images whose headers were read.

    Attributes:
        summary: Counts of the images.
        captions: The table of captions; None without one.
        passed_over: What the source holds and is not taken.
        metadata: The metadata files of folders, as far as they were read.
        choice: What was done with several captions of an image, one of `CAPTION_CHOICES`.
    """

    summary: ImageSummary
    captions: Captions | None
    passed_over: PassedOver
    metadata: Sequence[MetadataFile] = ()
    choice: str = REFUSE

    def say_passed_over(self, say: Say) -> None:
        """Report by kind what the source holds and is not taken; nothing if there is nothing."""
        if text := str(self.passed_over):
            say(f"Passed over: {text}.")

    def say_captions(self, say: Say) -> None:
        """Report how many images have a caption, and what tables of captions do not fit."""
        summary = self.summary
        num = summary.num_captions - summary.num_further
        texts = [self.captions.texts] if self.captions else [each.texts for each in self.metadata]
        if texts:
            path = self.captions.path if self.captions else self.metadata[0].path
            others = f" and {len(texts) - 1:,} more" if len(texts) > 1 else ""
            source = f" from {path}{others}" if self.captions else f"; {path}{others}"
            have = counted(num, "image has", "images have")
            say(f"{have} a caption{source}; {told_texts(texts)}.")
        if summary.num_several:
            say(
                f"{counted(summary.num_several, 'image has', 'images have')} several captions, "
                f"{summary.num_of_several:,} in all: {TAKEN[self.choice]}."
            )


def told_texts(texts: Sequence[NamedTexts]) -> str:
    """Return what tables of texts do not fit, in words."""
    num_unmatched = sum(each.num_unmatched for each in texts)
    names = first_names(texts, MAX_NAMES)
    more = ", ..." if num_unmatched > len(names) else ""
    listed = f" ({', '.join(names)}{more})" if names else ""
    num_repeated = sum(each.num_repeated for each in texts)
    num_refused = sum(1 for each in texts for _ in each.faults())
    refused = f"; refused rows: {num_refused:,}" if num_refused else ""
    return (
        f"names without an image: {num_unmatched:,}{listed}; repeated names: "
        f"{num_repeated:,}{refused}"
    )


def open_source(
    options: ImageOptions, name: str, side: int, say: Say, label: str = ""
) -> ImageSource:
    """Open the images that the options name, and report them.

    Args:
        options: The options.
        name: Name of the option that says how large images must be.
        side: Its value, in pixels.
        say: Called with what is read.
        label: Column of class labels; empty for none.

    Raises:
        ConfigError: They cannot be opened, or decoded samples are smaller than `side`.
    """
    if options.from_ode:
        return _open_ode_set(options.from_ode, name, side, say)
    packaged = str(packaged_assets() / "photographs")
    values = tuple(packaged if each == PHOTOGRAPHS else each for each in options.images)
    if values:
        say(f"Images: {listed_without_secrets(options.images)}")
    else:
        values = (packaged,)
        say(f"No images given: using the packaged images {values[0]}")
    called = name_of(values[0]) if len(values) == 1 else f"{len(values)} sources"
    # With a table of captions, the columns belong to that table.
    columns = ("", "") if options.captions else (options.column, label)
    passed_over, metadata = PassedOver(), FolderMetadata(*columns, say)
    files = find_images(values, *columns, passed_over, metadata, apart=True)
    if len(values) > 1:
        files = without_repeats(files)
    further = columns_for(values)
    return ImageSource(called, files, further=further, passed_over=passed_over, metadata=metadata)


def _open_ode_set(folder: str, name: str, side: int, say: Say) -> ImageSource:
    samples = open_decoded_samples(folder)
    smallest = min(samples.size.width, samples.size.height)
    if side > smallest:
        raise ConfigError(
            f"{option_text(name)} must be at most {smallest}, the side of the images that "
            f"{samples.teacher['name']} decodes to, got {side}."
        )
    taken = f"{counted(samples.manifest.num_samples, 'sample')} of {samples.store.url}"
    say(f"Images: {taken}, decoded by {samples.teacher['name']}")
    return ImageSource(samples.name, samples.files(), lambda _: samples.size, samples.teacher)


def scan_images(
    options: ImageOptions,
    source: ImageSource,
    target: Path,
    count_slots: Callable[[ImageSize], int],
    label: str = "",
    say: Say = lambda _: None,
) -> ScannedImages:
    """Read the image headers and write the accepted images to `target`.

    Args:
        options: The options.
        source: The images.
        target: Path of the list of images to write.
        count_slots: As for `collect_images`.
        label: Column of class labels; empty for none.
        say: Called with what was recognised in a table of captions.

    Raises:
        ConfigError: A source is empty or cannot be read, or no image or caption can be used.
    """
    captions = None
    if options.captions:
        captions = Captions(local_file(options.captions, "Captions"), options.column, label, say)
    files = captions.apply(source.files) if captions else source.files
    choice = options.caption_choice
    num_read = 0
    progress = Progress(0, 0, unit="images scanned")

    def on_image() -> None:
        nonlocal num_read
        num_read += 1
        progress.reached(num_read)

    try:
        further = (*(("label",) if label else ()), *source.further, *CAPTION_COLUMNS[choice])
        size_of = with_captions_checked(
            source.size_of, ": choose by --caption-choice", may_be_several=choice != REFUSE
        )
        entries = partial(entries_of, choice=choice)
        summary = collect_images(files, target, count_slots, on_image, size_of, further, entries)
    finally:
        progress.close()
    if captions and not summary.num_captions and not label:
        raise ConfigError(f"The captions {options.captions} match none of the images.")
    if (
        options.column
        and not captions
        and not is_image_member(options.column)
        and not summary.num_captions
    ):
        raise ConfigError(f"The column {options.column!r} has no caption for any image.")
    # A table of captions takes the place of the metadata files.
    metadata = source.metadata.files if source.metadata and not captions else ()
    if captions:
        tables: list[tuple[AnyPath, NamedTexts]] = [(captions.path, captions.texts)]
    else:
        tables = [(each.path, each.texts) for each in metadata]
    for path, texts in tables:
        summary.rejected += [{"image": str(path), "reason": each} for each in texts.faults()]
    return ScannedImages(summary, captions, source.passed_over, metadata, choice)
