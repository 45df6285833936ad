"""How much a grid shows; without NumPy and Pillow, so that options can say it."""

# Nobody can look at more at once, and few programs open a larger image.
MAX_GRID_PICTURES = 4096
