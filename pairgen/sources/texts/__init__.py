"""Texts that come with prompts and images: what one is, and the tables that hold them."""
