"""Sources behind URLs: list them once, read ranges of them, and see whether they have changed."""
