"""Read inputs: images, captions and prompts."""
