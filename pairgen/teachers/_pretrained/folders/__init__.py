"""The files of a model folder: which weights it has, and whether its parts fit each other."""
