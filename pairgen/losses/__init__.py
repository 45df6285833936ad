"""Distances between a student's output and its target, as pure functions."""
