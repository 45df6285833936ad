"""Pairs and runs, as the tests of training have them."""

from tests.training.conftest import pairs, train

__all__ = ["pairs", "train"]
