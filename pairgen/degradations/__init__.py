"""Degradations: operations that degrade an image, drawn first and applied afterwards."""
