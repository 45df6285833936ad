"""The tiny ViT: its heads, its pictures, what degrades them, and its figures."""
