"""How an image file becomes pixels, one rule a file: `sources/photographs.py` joins them."""
