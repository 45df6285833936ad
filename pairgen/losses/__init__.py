"""Distances between what a student makes and what it should make. Each is a pure function."""
