"""Models that make images from images."""
