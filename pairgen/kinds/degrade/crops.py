"""Count the crops of a photograph that become HR: random ones, or the tiles of a grid."""

from pairgen.kinds.images.crops import check_aspect
from pairgen.sources.photographs import ImageSize, UnusableImageError


def count_crops(
    size: ImageSize, crop: int, samples_per_image: int, tiled: bool, max_aspect: float
) -> int:
    """Return the number of crops of an image: `samples_per_image`, or one per tile.

    Args:
        size: Size of the image in pixels.
        crop: Side of a crop in pixels.
        samples_per_image: Number of random crops per image.
        tiled: Whether to take all tiles of a grid instead of random crops.
        max_aspect: Maximum ratio of the longer side to the shorter one.

    Raises:
        UnusableImageError: The image has no crop; the message says why.
        SkippedImageError: The aspect ratio exceeds `max_aspect`.
    """
    if min(size.width, size.height) < crop:
        raise UnusableImageError(f"smaller than {crop} px: {size.width} x {size.height}")
    check_aspect(size, max_aspect)
    return (size.width // crop) * (size.height // crop) if tiled else samples_per_image


def tile_place(size: ImageSize, crop: int, number: int) -> tuple[int, int]:
    """Return (top, left) of a tile, row by row; the grid is centered in the image."""
    row, column = divmod(number, size.width // crop)
    return (size.height % crop) // 2 + row * crop, (size.width % crop) // 2 + column * crop
