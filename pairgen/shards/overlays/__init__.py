"""Folders that add members and columns to the samples of another dataset."""
