"""Models that make images from text."""
