"""Degradations: operations that make a photograph worse, each drawn first and applied after."""
