"""Models of the transformers library that annotators look at images with."""
