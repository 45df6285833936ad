"""Suffixes of image files. What a file is shows when it is read; its name says only to try."""

SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".png",
    ".webp",
    ".tif",
    ".tiff",
    ".bmp",
    ".jfif",
    ".jpe",
    ".gif",
    ".apng",
    ".heic",
    ".heif",
    ".avif",
    ".jxl",
)


def is_image_name(name: str) -> bool:
    """Whether a name ends as images do."""
    return name.lower().endswith(SUFFIXES)


def is_image_member(name: str) -> bool:
    """Whether a member of a sample in a tar is named as an image: `png`, `lr4.png`."""
    return is_image_name(f".{name}")
