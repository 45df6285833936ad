"""Evaluate students that make images from images, on pairs of images."""
