"""Models of the transformers library that look at images: for annotators and networks."""
