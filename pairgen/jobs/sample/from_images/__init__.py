"""Images of a model that makes them from pictures."""
