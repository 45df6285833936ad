"""Measure pictures: distance to real ones, agreement with their captions, diversity."""
