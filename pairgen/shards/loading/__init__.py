"""Batches for a training."""
