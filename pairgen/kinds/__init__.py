"""One folder per kind of dataset: how a plan becomes samples."""
