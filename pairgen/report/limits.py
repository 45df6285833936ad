"""How much a grid shows; without NumPy and Pillow, so that options can say it."""

MAX_GRID_PICTURES = 4096
