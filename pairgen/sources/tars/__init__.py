"""WebDataset tars: where members lie, what a sample is, and how packed ones are read."""
