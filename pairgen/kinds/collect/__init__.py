"""Datasets of real images, with captions and classes where there are any."""
