"""`pairgen methods`: what each method needs of a dataset, and whether datasets have it."""
