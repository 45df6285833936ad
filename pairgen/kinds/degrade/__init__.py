"""Datasets of (HR, LR at 1/N) from photographs."""
