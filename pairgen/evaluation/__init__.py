"""Measure images: distance to real ones, agreement with their captions, diversity."""
