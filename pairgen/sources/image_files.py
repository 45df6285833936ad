"""Find images: in folders, globs, lists of paths, WebDataset tars, Parquet and Arrow files.

They may be files here or behind URLs. The order of the images depends on names alone.
"""

import os
from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from pairgen.errors import ConfigError
from pairgen.redaction import listed_without_secrets
from pairgen.sources.image_file import ImageFile, located
from pairgen.sources.image_suffixes import SUFFIXES, is_image_name
from pairgen.sources.image_tables import has_images, table_images
from pairgen.sources.passed_over import APPLE_DOUBLE, PassedOver, is_apple_double
from pairgen.sources.path_lists import listed_paths
from pairgen.sources.paths import (
    AnyPath,
    is_glob,
    name_of,
    named_paths,
    names_in,
    relative_name,
    visible_folders,
)
from pairgen.sources.tables import STATE_FILE, saved_files
from pairgen.sources.tars.images import tar_images
from pairgen.sources.tars.unpacked import is_tar_name
from pairgen.sources.texts.metadata import METADATA_FILES, FolderMetadata
from pairgen.sources.texts.rules import Text, text_beside
from pairgen.sources.urls.addresses import check_apart
from pairgen.sources.urls.threads import in_threads


@dataclass
class _Asked:
    """What is read with the images, and where is counted what is not read.

    Attributes:
        caption: Column, member or key of captions, or member with the image; empty for usual ones.
        label: Column or member of class labels; empty for none.
        passed_over: The counts.
        metadata: The metadata files of folders.
        folder: The folder that was looked into last.
        stems: Names of its images, without suffixes.
        saved: Names of its files of a saved hub dataset.
    """

    caption: str
    label: str
    passed_over: PassedOver
    metadata: FolderMetadata
    folder: AnyPath | None = None
    stems: Set[str] = frozenset()
    saved: Sequence[str] = ()

    def enter(self, folder: AnyPath, names: Sequence[str]) -> None:
        """Look into a folder, whose files have these names."""
        self.folder, self.saved = folder, saved_files(folder, names)
        self.stems = {Path(name).stem for name in names if is_image_name(name)}


def find_images(
    values: Sequence[str],
    column: str = "",
    label: str = "",
    passed_over: PassedOver | None = None,
    metadata: FolderMetadata | None = None,
    *,
    apart: bool = False,
) -> Iterator[ImageFile]:
    """Yield the images of all values; those of each value are sorted by name.

    Args:
        values: A folder (searched recursively through links, without hidden files and folders and
            `__meta__`), a glob, an image, a `.txt` list of paths, a tar, which may be packed with
            gzip, a `.parquet` or an `.arrow`; or a URL of one, with braces for several. In a
            folder, tars, Parquet files and a saved hub dataset are read too. Captions come from a
            `.txt` of the same name beside an image, from a metadata.csv, .jsonl or .parquet in its
            folder or above (`file_name` and one of caption, text, prompt, txt), from a member of a
            tar or a key of its json of such a name, or from such a column of a table.
        column: Caption column of metadata, Parquet and Arrow files, or member or key of tars; or
            the member of tars with the image. Empty for a usual one.
        label: Column of class labels in these, or member of a tar, such as `cls`; empty for none.
        passed_over: Counts what the values hold and is not taken; None not to count it.
        metadata: Receives the metadata files that are read; None if nobody asks for them.
        apart: Whether an image whose name one of another value has gets the value's name before it.

    Raises:
        ConfigError: A value matches nothing, a container cannot be read, or there is no image.
    """
    counted = PassedOver() if passed_over is None else passed_over
    asked = _Asked(column, label, counted, metadata or FolderMetadata(column, label))
    check_apart(values)
    seen: set[int] | None = set() if apart and len(values) > 1 else None
    num_found = 0
    for value in values:
        name = name_of(value)
        for path in _each_once(named_paths(value, "images")):
            for file in _in_path(path, asked, is_glob(value)):
                num_found += 1
                yield file if seen is None else _apart(file, name, seen)
    if values and not num_found:
        held = f": it holds {counted}" if str(counted) else ""
        raise ConfigError(f"There are no images in {listed_without_secrets(values)}{held}.")


def _each_once(paths: Sequence[AnyPath]) -> Iterator[AnyPath]:
    """Yield paths once, without those in a folder that is one of them, as `**` matches both."""
    named = dict.fromkeys(paths)
    for path in named:
        if len(paths) == 1 or not any(each in named and each.is_dir() for each in path.parents):
            yield path


def _apart(file: ImageFile, value: str, seen: set[int]) -> ImageFile:
    """Record an image under a name that no image of another value has."""
    name, number = file.name, 1
    while hash(name) in seen:
        name = f"{value}/{file.name}" if number == 1 else f"{value}#{number}/{file.name}"
        number += 1
    seen.add(hash(name))
    return replace(file, name=name)


def without_repeats(files: Iterator[ImageFile]) -> Iterator[ImageFile]:
    """Yield each image once, even if several values name it."""
    seen: set[tuple[str, int]] = set()
    for file in files:
        place = (file.container, file.place)
        if place not in seen:
            seen.add(place)
            yield file


def _in_path(path: AnyPath, asked: _Asked, is_match: bool) -> Iterator[ImageFile]:
    """Yield the images of a path; that of a match of a glob may hold none."""
    if path.is_dir():
        return _in_folder(path, asked)
    if is_apple_double(path):
        asked.passed_over.add(APPLE_DOUBLE)
        return iter(())
    if is_match and not _is_read(path, asked):
        return iter(())
    return _in_file(path, path.parent, asked)


def _in_folder(folder: AnyPath, asked: _Asked) -> Iterator[ImageFile]:
    for root, names in visible_folders(folder, asked.passed_over):
        if "data.mdb" in names:
            raise ConfigError(
                f"{root} is an LMDB database, which is not read: give the images as files."
            )
        asked.metadata.enter(root, names)
        asked.enter(root, names)
        for name in names:
            path = root / name
            if is_image_name(name):
                yield image_file(path, folder, *asked.metadata.of(path))
            elif not asked.metadata.has_read(path) and _is_read(path, asked):
                yield from _in_file(path, folder, asked)


def _is_read(path: AnyPath, asked: _Asked) -> bool:
    """Whether a file that nobody named itself is read as images; counts it if not."""
    name, suffix = path.name, path.suffix.lower()
    if is_image_name(name) or is_tar_name(name):
        return True
    if suffix == ".parquet":
        # What made the tar lists its samples in a table of its name.
        if path.with_suffix(".tar").exists():
            return False
        if has_images(path, "parquet"):
            return True
        asked.passed_over.add("table without images")
        return False
    if path.parent != asked.folder:
        asked.enter(path.parent, names_in(path.parent))
    if name in asked.saved:
        return True
    is_caption = suffix == ".txt" and path.stem in asked.stems
    if not is_caption and name not in (*METADATA_FILES, STATE_FILE):
        asked.passed_over.file(name)
    return False


def _in_file(path: AnyPath, root: AnyPath, asked: _Asked) -> Iterator[ImageFile]:
    suffix = path.suffix.lower()
    if is_tar_name(path.name):
        return _in_tar(path, root, asked)
    if suffix in (".parquet", ".arrow"):
        return _in_table(path, root, suffix[1:], asked)
    if suffix == ".txt":
        return _in_list(path, asked)
    if suffix in SUFFIXES:
        return iter([image_file(path, root)])
    raise ConfigError(
        f"Images must be a folder, a glob, .tar, .parquet, .arrow, a .txt list of paths or "
        f"{', '.join(SUFFIXES)}, got {str(path)!r}."
    )


def image_file(
    path: AnyPath, root: AnyPath, text: Text | None = None, table: AnyPath | None = None
) -> ImageFile:
    """Return a plain file as an image.

    Args:
        path: The file; whether it exists shows when it is opened.
        root: Folder below which its recorded name begins.
        text: What is known about it; without it, its caption is the text file beside it.
        table: The file that says so; None if the text says it itself.
    """
    if text is None or text.caption is None:
        beside = path.with_suffix(".txt")
        # A name in a list may be too long to ask for.
        is_there = os.path.isfile(beside) if isinstance(beside, Path) else beside.is_file()
        found = text_beside(beside.read_bytes()) if is_there else Text()
        text, table = replace(found, label=text.label if text else ""), beside
    name, container, remote = relative_name(path, root), *located(path)
    said = text.of_image(table)
    num_bytes = max(0, remote.get("object_bytes", 0))
    if isinstance(path, Path):
        # A dangling link, or a path in a list that does not exist or holds NUL: opening it gives
        # the reason.
        with suppress(OSError, ValueError):
            num_bytes = path.stat().st_size
    return ImageFile(name, container, "file", 0, num_bytes, "", **said, **remote)


def _in_list(path: AnyPath, asked: _Asked) -> Iterator[ImageFile]:
    def images() -> Iterator[AnyPath]:
        for image in listed_paths(path):
            if is_apple_double(image):
                asked.passed_over.add(APPLE_DOUBLE)
            else:
                yield image

    read = partial(image_file, root=path.parent)
    # Behind a URL, each is asked for.
    return map(read, images()) if isinstance(path, Path) else in_threads(read, images())


def _in_tar(path: AnyPath, root: AnyPath, asked: _Asked) -> Iterator[ImageFile]:
    name, container, remote = relative_name(path, root), *located(path)
    for each in tar_images(path, asked.caption, asked.label, asked.passed_over):
        offset, size = each.place.offset, each.place.size
        said = {**each.text.of_image(), **remote}
        yield ImageFile(f"{name}/{each.name}", container, "tar", offset, size, "", **said)


def _in_table(path: AnyPath, root: AnyPath, kind: str, asked: _Asked) -> Iterator[ImageFile]:
    name, container, remote = relative_name(path, root), *located(path)
    image, rows = table_images(path, kind, asked.caption, asked.label)
    for row, (num_bytes, text) in enumerate(rows):
        said = {**text.of_image(), **remote}
        yield ImageFile(f"{name}/{row}", container, kind, row, num_bytes, image, **said)
