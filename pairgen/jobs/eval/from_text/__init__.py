"""Evaluate models that make images from text, on (noise, prompt, latent) pairs."""
