"""Parts of the methods that learn from images and what is given of them."""
