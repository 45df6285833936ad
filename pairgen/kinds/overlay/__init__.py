"""Overlays: members and columns that an annotator adds to a set."""
