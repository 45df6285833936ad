"""Split a list of images by their sizes into one list for each group."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from pairgen.sources.image_list import ImageSummary, ListWriter, PlannedImages
from pairgen.sources.photographs import ImageSize


def split_images(
    path: Path, folder: Path, group_of: Callable[[ImageSize], ImageSize]
) -> dict[ImageSize, tuple[Path, ImageSummary]]:
    """Write the images of each group to a list of its own, in their order.

    Args:
        path: File written by `collect_images`.
        folder: An empty folder for the lists.
        group_of: Returns the group of an image from its size.

    Returns:
        The path and the counts of each list, by group.
    """
    images = PlannedImages(path)
    writers: dict[ImageSize, tuple[Path, ListWriter]] = {}
    with ExitStack() as stack:
        for row in images.rows():
            group = group_of(ImageSize(row["width"], row["height"]))
            if group not in writers:
                target = folder / f"{group.width}x{group.height}.arrow"
                writer = stack.enter_context(ListWriter(target, images.further))
                writers[group] = target, writer
            writers[group][1].add(row)
    return {group: (target, writer.summary) for group, (target, writer) in writers.items()}
